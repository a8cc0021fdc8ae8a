"""The two big checkpoints: gas connection and indoor flue. `scene(rng, defect)` returns the POV-Ray text of one visit's photo."""

import math

from indoors import indoor_wall, room_clutter, room_light
from site_parts import camera, corrugated, grime, header, pick, spline, tint, tube, vec

PARTS = "heater.inc"
FLUE = 3.0  # Radius of the φ60 flue.


def heater_skins(rng):
    """White, silver, champagne or dark front, with its darker trim."""
    front = tint(rng, pick(rng, (0.76, 0.76, 0.75), (0.76, 0.76, 0.75), (0.56, 0.56, 0.57), (0.62, 0.54, 0.42), (0.12, 0.12, 0.13)), 0.012)
    gloss, mirror = rng.uniform(0.2, 0.5), rng.uniform(0, 0.06)
    return (
        f"#declare Front = texture {{ pigment {{ rgb {vec(*front)} }} finish {{ diffuse 0.72 specular {gloss:.3g} roughness 0.012 reflection {mirror:.3g} ambient 0 }} }} "
        f"{grime(rng.uniform(0, 0.1), vec(*rng.uniform(-300, 300, 3)))}\n"
        "#declare Trim = texture { pigment { rgb 0.02 } finish { diffuse 0.6 specular 0.7 roughness 0.006 reflection 0.08 ambient 0 } }\n"
    )


def paint(colour, gloss=0.25):
    return f"Paint({vec(*colour)}, {gloss:.3g})"


def along(parts, start, towards):
    """Parts made along +y, turned to run from `start` towards a unit vector in the wall's plane."""
    turn = -math.degrees(math.atan2(towards[0], towards[1]))
    return f"union {{ {parts} rotate z * {turn:.4g} translate {vec(*start)} }}\n"


def gas_connection(rng, defect):
    """Below the heater: supply pipe, ball valve, stainless corrugated hose, and the two water pipes beside it."""
    target = (0, -16, -6)
    out = header(PARTS) + camera(rng, target, 4, 1, 63) + room_light(rng, target)
    out += heater_skins(rng) + indoor_wall(rng) + room_clutter(rng, -31, 31, -42, 4)
    out += "object { Heater(Front, Trim) }\n"
    inlet = (rng.uniform(-0.8, 0.8), -2.4, -8)
    for x in (-9, inlet[0], 9):
        out += f"object {{ Thread(1.05, 2.6) texture {{ Brass }} translate {vec(x, -2.4, -8)} }}\n"
    outlet, towards, supply = gas_supply(rng, defect)
    out += supply + gas_hose(rng, defect, outlet, towards, inlet)
    out += water_pipe(rng, -9, (0.55, 0.05, 0.04)) + water_pipe(rng, 9, (0.05, 0.16, 0.5))
    if rng.random() < 0.6:
        # The power cable, leaving to one side above the fittings.
        side = pick(rng, -1, 1)
        path = [(side * 14, 0.5, -6), (side * 14.5, -4, -5), (side * rng.uniform(16, 20), -rng.uniform(5, 12), -3), (side * 30, rng.uniform(-14, 6), -1), (side * 60, rng.uniform(-20, 20), -1)]
        out += tube(spline(path, 0.8), 0.4, paint(pick(rng, (0.03, 0.03, 0.03), (0.7, 0.7, 0.68), (0.4, 0.4, 0.4))))
    return out


def gas_supply(rng, defect):
    """The pipe that brings the gas, with its valve: where the hose begins, its direction, and the text."""
    route = rng.choice(["riser", "wall", "side"], p=[0.42, 0.3, 0.28])
    skin = pick(
        rng, "texture { Zinc }", "texture { Zinc }", paint(tint(rng, (0.70, 0.52, 0.06))), paint(tint(rng, (0.62, 0.62, 0.62)), 0.4), paint(tint(rng, (0.74, 0.73, 0.70))),
    )
    iron = pick(rng, "texture { Zinc }", skin)
    depth = rng.uniform(2.4, 4.2)
    if route == "side":
        side, y = pick(rng, -1, 1), rng.uniform(-25, -17)
        base = (side * rng.uniform(18.5, 20.5), y, -depth)
        towards = (-side, 0, 0)
        out = f"cylinder {{ {vec(*base)}, {vec(side * 120, y, -depth)}, 1.07 {skin} }}\n"
        clip = side * rng.uniform(22, 28)
        out += f"box {{ {vec(clip - 0.7, y - 1.5, -depth - 1.2)}, {vec(clip + 0.7, y + 1.5, 0)} texture {{ Zinc }} }}\n"
    else:
        x = pick(rng, rng.uniform(-3.5, 3.5), rng.uniform(-3.5, 3.5), rng.uniform(14.5, 18), -rng.uniform(14.5, 18))
        y = rng.uniform(-32, -27)
        towards = (0, 1, 0)
        if route == "riser":
            base = (x, y, -depth)
            out = f"cylinder {{ {vec(*base)}, {vec(x, -200, -depth)}, 1.07 {skin} }}\n"
            if rng.random() < 0.7:
                clip = y - rng.uniform(5, 12)
                out += f"box {{ {vec(x - 1.5, clip - 0.7, -depth - 1.2)}, {vec(x + 1.5, clip + 0.7, 0)} texture {{ Zinc }} }}\n"
            if rng.random() < 0.3:
                out += f"union {{ cylinder {{ {vec(x, y - 5, -depth)}, {vec(x, y - 1.5, -depth)}, 1.5 }} cylinder {{ {vec(x, y - 3.2, -depth)}, {vec(x + 2.6, y - 3.2, -depth)}, 1.4 }} {iron} }}\n"
        else:
            # Out of the wall and up through an elbow.
            base = (x, y, -5.2)
            out = (
                f"union {{ cylinder {{ {vec(x, y - 2, 0)}, {vec(x, y - 2, -5.2)}, 1.07 }} sphere {{ {vec(x, y - 2, -5.2)}, 1.5 }} "
                f"cylinder {{ {vec(x, y - 2, -3.2)}, {vec(x, y - 2, -5.2)}, 1.45 }} cylinder {{ {vec(x, y - 2, -5.2)}, {vec(*base)}, 1.45 }} {iron} }}\n"
                f"cylinder {{ {vec(x, y - 2, 0)}, {vec(x, y - 2, -0.5)}, {rng.uniform(2.2, 3.4):.3g} {pick(rng, 'texture { Chrome }', 'Paint(<0.75, 0.75, 0.74>, 0.3)')} }}\n"
            )
    if defect == "no_valve":
        # A socket and a nipple take the valve's place: the hose hangs on the supply pipe itself.
        long = rng.uniform(2.2, 3.4)
        parts = f"cylinder {{ 0, y * {6.0 - long:.3g}, 1.07 {skin} }} union {{ cylinder {{ y * {5.0 - long:.3g}, y * 5, 1.45 }} torus {{ 1.42, 0.16 translate y * {5.0 - long:.3g} }} torus {{ 1.42, 0.16 translate y * 4.9 }} {iron} }} "
        parts += "object { HexNut(1.5, 1.2) translate y * 5.2 texture { Brass } }"
    else:
        body = pick(rng, "Chrome", "Chrome", "Brass", "Zinc")
        grip = vec(*tint(rng, pick(rng, (0.72, 0.52, 0.03), (0.72, 0.52, 0.03), (0.60, 0.06, 0.04), (0.05, 0.05, 0.05)), 0.02))
        shape = 1 if rng.random() < 0.25 else 0
        turn = rng.normal(0, 2) + (180 if shape == 0 and rng.random() < 0.3 else 0)
        face = rng.normal(0, 7) + pick(rng, 0, 0, 0, 24, -24)
        parts = f"object {{ BallValve({body}, {grip}, {turn:.3g}, {shape}) rotate y * {face:.3g} }}"
    out += along(parts, base, towards)
    return tuple(b + 6.4 * t for b, t in zip(base, towards)), towards, out


def gas_hose(rng, defect, outlet, towards, inlet):
    """From the outlet of the valve to the heater's inlet: corrugated steel under nuts, or a rubber hose under clamps."""
    (x, y, z), (gx, gy, gz) = outlet, inlet
    begin = [o + 1.8 * t for o, t in zip(outlet, towards)]
    if towards[1]:
        reach = gy - 1.6 - begin[1]
        bulge = rng.uniform(-4, 4) if abs(x) < 8 else 0
        out_front = -rng.uniform(9, 13)
        middle = [(x + bulge * 0.5, begin[1] + reach * 0.22, z - 0.6), ((x + gx) / 2 + bulge, begin[1] + reach * 0.55, (out_front + gz) / 2 if abs(x) < 8 else out_front), (gx + bulge * 0.3, gy - 4.6, gz)]
    else:
        drop = rng.uniform(4, 11)
        way = towards[0]
        front = -rng.uniform(11.5, 13)
        # In front of the water pipe that stands in its way.
        middle = [
            (begin[0] + way * 1.6, y - 0.6, z - 1.6), (begin[0] + way * 4, y - drop * 0.7, front), (gx - way * 6.6, y - drop, front), (gx - way * rng.uniform(2.4, 3.6), y - drop, front),
            (gx + way * rng.uniform(0, 1.5), (y + gy) / 2 - 1, gz - 1.5), (gx, gy - 4.6, gz),
        ]
    if defect == "rubber_hose":
        return rubber_hose(rng, outlet, towards, inlet, middle)
    kind = rng.choice(["steel", "yellow", "clear", "white", "grey"], p=[0.34, 0.3, 0.14, 0.12, 0.1])
    skin = {
        "steel": "texture { Stainless }",
        "yellow": paint(tint(rng, (0.74, 0.54, 0.04), 0.02), 0.4),
        "clear": "texture { pigment { rgb <0.60, 0.58, 0.52> } finish { diffuse 0.55 specular 0.6 roughness 0.02 reflection 0.08 ambient 0 } }",
        "white": paint(tint(rng, (0.75, 0.75, 0.73), 0.01), 0.4),
        "grey": paint(tint(rng, (0.42, 0.43, 0.44), 0.01), 0.3),
    }[kind]
    radius = rng.uniform(0.92, 1.1)
    nut = pick(rng, "Brass", "Chrome", "Zinc")
    out = corrugated([tuple(begin), *middle, (gx, gy - 1.6, gz)], radius, None, skin, 0.27, 0.84 if kind == "steel" else 0.9)
    sleeve = pick(rng, f"texture {{ {nut} }}", paint((0.72, 0.52, 0.03)), paint((0.03, 0.03, 0.03)))
    end = f"object {{ HexNut(1.62, 1.9) translate y * 0.1 texture {{ {nut} }} }} cylinder {{ y * 1.6, y * {rng.uniform(2.8, 4.0):.3g}, {radius + 0.13:.3g} {sleeve} }}"
    return out + along(end, [o - 0.6 * t for o, t in zip(outlet, towards)], towards) + along(end, (gx, gy + 0.5, gz), (0, -1))


def rubber_hose(rng, outlet, towards, inlet, middle):
    """A smooth hose pushed over barbs; a worm clamp at each end, which now and then was forgotten."""
    colour = tint(rng, pick(rng, (0.62, 0.22, 0.04), (0.03, 0.03, 0.03), (0.66, 0.58, 0.38), (0.72, 0.52, 0.05), (0.45, 0.44, 0.42), (0.30, 0.40, 0.16)), 0.03)
    radius = rng.uniform(0.8, 1.0)
    begin = [o + 1.6 * t for o, t in zip(outlet, towards)]
    sag = rng.uniform(0, 3)
    bent = [(x + rng.normal(0, 0.7), y - sag * (0.4 + 0.6 * (0 < k < len(middle) - 1)), z - rng.uniform(0, 2)) for k, (x, y, z) in enumerate(middle[:-1])]
    gx, gy, gz = inlet
    curve = spline([tuple(begin), *bent, (gx + rng.normal(0, 0.3), gy - 5, gz), (gx, gy - 1.4, gz)], 0.5)
    out = tube(curve, radius, f"texture {{ pigment {{ rgb {vec(*colour)} }} normal {{ granite 0.04 scale 0.6 }} finish {{ diffuse 0.75 specular {rng.uniform(0.05, 0.3):.3g} roughness 0.06 ambient 0 }} }}")
    barb = "object { HexNut(1.35, 1.3) texture { Brass } } cylinder { y * 1, y * 2.6, 0.62 texture { Brass } }"
    bare = int(rng.integers(2)) if rng.random() < 0.25 else None
    for k, (at, way) in enumerate(((outlet, towards), ((gx, gy + 0.2, gz), (0, -1, 0)))):
        clamp = "" if k == bare else f"object {{ Clamp({radius:.3g}) rotate y * {rng.uniform(-70, 70):.3g} translate y * {rng.uniform(2.4, 3.1):.3g} }}"
        out += along(f"{barb} {clamp}", at, way)
    return out


def water_pipe(rng, x, grip):
    """Hot or cold water: a hose from an angle valve, or a rigid pipe with or without a valve of its own."""
    kind = rng.choice(["hose", "rigid", "lever"], p=[0.6, 0.24, 0.16])
    out = f"object {{ HexNut(1.5, 1.9) texture {{ {pick(rng, 'Chrome', 'Brass')} }} translate {vec(x, -4.0, -8)} }}\n"
    if kind == "hose":
        dx, y = rng.uniform(-2.5, 2.5), rng.uniform(-31, -23)
        out += f"object {{ AngleValve({vec(*grip)}) translate {vec(x + dx, y, 0)} }}\n"
        path = [(x + dx, y + 3.4, -4), (x + dx, y + 6, -4.2), (x + dx * 0.4 + rng.uniform(-2, 2), (y - 4) / 2, -6.5 - rng.uniform(0, 2)), (x, -7, -8), (x, -3.8, -8)]
        if rng.random() < 0.55:
            out += tube(spline(path, 0.6), 0.72, "texture { Braid }")
        else:
            out += corrugated(path, 0.85, None, "texture { Stainless }", 0.27, 0.86)
        return out
    skin = pick(rng, "texture { Stainless }", paint(tint(rng, (0.75, 0.75, 0.73), 0.01), 0.35), paint(tint(rng, (0.25, 0.45, 0.25))), "texture { Copper }")
    radius = rng.uniform(0.8, 1.1)
    back = rng.uniform(-10, -7)
    path = [(x, -3.6, -8), (x, back - 1, -8), (x, back - 5, -3), (x, back - 9, -2.4), (x, -200, -2.4)] if rng.random() < 0.6 else [(x, -3.6, -8), (x, -15, -8), (x, -200, -8)]
    out += tube(spline(path[:-1], 0.6) + [path[-1]], radius, skin)
    if kind == "lever":
        y = rng.uniform(-33, -27)
        out += f"object {{ BallValve(Chrome, {vec(*grip)}, {pick(rng, 0, 180)}, {int(rng.integers(2))}) translate {vec(x, y, path[-1][2])} }}\n"
    else:
        out += f"cylinder {{ {vec(x, -22, path[-1][2])}, {vec(x, -25, path[-1][2])}, {radius + 0.35:.3g} {skin} }}\n"
    return out


def flue_indoor(rng, defect):
    """Above the heater: collar, vertical pipe, bend, and the run to the outer wall, every joint screwed and taped."""
    way = pick(rng, -1, 1)
    rear = rng.random() < 0.45
    side = way * rng.uniform(33, 44)
    target = (way * 9, 15, -8)
    top = rng.uniform(44, 66) if rng.random() < 0.75 else None
    out = header(PARTS) + camera(rng, target, -6 * way, 3, 82) + room_light(rng, target, top, 0 if rear else way)
    out += heater_skins(rng)
    out += indoor_wall(rng, None if rear else side, top)
    out += room_clutter(rng, -40 if way > 0 or rear else side + 15, 40 if way < 0 or rear else side - 15, -20, 42, [-way])
    out += "object { Heater(Front, Trim) translate y * -55 }\n"
    out += f"object {{ Collar({FLUE}) translate <0, 0, -8> }}\n"
    height, bend = rng.uniform(12, 20), rng.uniform(5.8, 7.6)
    fall = 0.02
    end = way * rng.uniform(24, 33) if rear else side
    level = height + bend
    # The axis: up, bend, along the wall with its fall; then into the side wall, or through a second bend into the rear one.
    if defect == "aluminium_hose" and rng.random() < 0.5:
        out += foil_hose(rng, [(0, 1, -8), (0, 6, -8)], way, end, level, rear)
        return out + outlet_rosette(rng, end, level, way, rear)
    loose = set()
    joints = 4 if rear else 3
    if defect == "joint_unsealed":
        loose = {int(k) for k in rng.choice([0, 1, 2, 2, 3][: joints + 1], 2 if rng.random() < 0.45 else 1)}
    skew = [0.0, 0.0]
    out += pipe((0, 1.5, -8), (0, height, -8), FLUE)
    out += joint(rng, (0, 3.4, -8), (0, 1, 0), 0 in loose)
    if 1 in loose:
        skew = [rng.normal(0, 0.35), rng.uniform(0.8, 1.6)]
    if defect == "aluminium_hose":
        out += foil_hose(rng, [(0, height - 2, -8), (0, height + 2, -8)], way, end, level + rng.uniform(-1, 5), rear)
        out += joint(rng, (0, height - 0.8, -8), (0, 1, 0), False)
        return out + outlet_rosette(rng, end, level, way, rear)
    corner = [(way * bend * (1 - math.cos(a)) + skew[0], height + bend * math.sin(a) + skew[1], -8) for a in (k * math.pi / 8 for k in range(5))]
    out += segments(corner)
    out += joint(rng, (skew[0] / 2, height, -8), (0, 1, 0), 1 in loose)
    level += skew[1]
    first = (way * bend + skew[0], level, -8)
    drop = rng.uniform(0.3, 0.9) if 2 in loose else 0
    gap = way * (rng.uniform(0.6, 1.4) if 2 in loose else 0)
    last = (end - way * (bend if rear else 0), level - fall * abs(end - first[0]) - drop, -8)
    out += pipe((first[0] + gap - way * 1.2, first[1] - drop, -8), last, FLUE)
    out += joint(rng, first, (way, -fall, 0), 2 in loose)
    if rear:
        shift = (rng.uniform(0.5, 1.2) * way, rng.uniform(-0.5, 0.3)) if 3 in loose else (0, 0)
        corner = [(last[0] + shift[0] + way * bend * math.sin(a), last[1] + shift[1], -8 + bend * (1 - math.cos(a))) for a in (k * math.pi / 8 for k in range(5))]
        out += segments(corner) + pipe(corner[-1], (corner[-1][0], corner[-1][1], 6), FLUE)
        out += joint(rng, last, (way, -fall, 0), 3 in loose)
        return out + outlet_rosette(rng, corner[-1][0], corner[-1][1], way, rear)
    if rng.random() < 0.5:
        half = (first[0] + last[0]) / 2 + rng.uniform(-3, 3)
        out += joint(rng, (half, level - fall * abs(half - first[0]) - drop, -8), (way, -fall, 0), False)
    return out + outlet_rosette(rng, last[0], last[1], way, rear)


def pipe(start, end, radius):
    return f"cylinder {{ {vec(*start)}, {vec(*end)}, {radius:.3g} texture {{ Stainless }} }}\n"


def segments(points):
    """A bend welded of straight pieces, with the seams between them."""
    out = ""
    for k, (a, b) in enumerate(zip(points, points[1:])):
        seam = f"sphere {{ {vec(*a)}, {FLUE + 0.12:.3g} }}" if k else ""
        out += f"cylinder {{ {vec(*a)}, {vec(*b)}, {FLUE + 0.1:.3g} }} {seam} "
    return f"union {{ {out} texture {{ Stainless }} }}\n"


def joint(rng, at, towards, loose):
    """The socket of one pipe over the next. Sealed: two screws and two turns of aluminium tape; loose: neither, and a gap."""
    length = math.sqrt(sum(c * c for c in towards))
    unit = [c / length for c in towards]
    if loose:
        gap = f"union {{ difference {{ cylinder {{ y * -3.2, y * 0, {FLUE + 0.42:.3g} }} cylinder {{ y * -1.4, y * 1, {FLUE + 0.33:.3g} }} texture {{ Stainless }} }} "
        gap += f"torus {{ {FLUE + 0.42:.3g}, 0.13 texture {{ Stainless }} }} cylinder {{ y * -1.4, y * -0.5, {FLUE + 0.3:.3g} texture {{ Dark }} }} "
        if rng.random() < 0.6:
            # Slipped out so far that one looks into the pipe.
            gap += f"cylinder {{ 0, y * {rng.uniform(0.35, 1.1):.3g}, {FLUE + 0.15:.3g} texture {{ Dark }} }} "
        gap += "}"
        return along(gap, at, unit)
    width = rng.uniform(3.4, 4.6)
    tape = ""
    for turn in range(2):
        low, high = -width / 2 + rng.normal(0, 0.35), width / 2 + rng.normal(0, 0.35)
        tape += (
            f"cylinder {{ y * {low:.3g}, y * {high:.3g}, {FLUE + 0.42 + 0.07 * turn:.3g} texture {{ Foil }} "
            f"rotate <{rng.normal(0, 1.3):.3g}, {rng.uniform(0, 360):.3g}, {rng.normal(0, 1.3):.3g}> }} "
        )
    # The loose end of the tape, and a screw each side that the tape leaves free.
    turn = rng.uniform(-60, 60)
    tape += f"box {{ <-0.02, {-width / 2 + 0.1:.3g}, {-FLUE - 0.56:.3g}>, <1.2, {width / 2 - 0.1:.3g}, {-FLUE - 0.45:.3g}> texture {{ Foil }} rotate y * {turn:.3g} }} "
    for spin in (rng.uniform(-50, -10), rng.uniform(10, 60)):
        tape += f"object {{ Screw(0.42) translate <0, {-width / 2 - rng.uniform(0.5, 0.9):.3g}, {-FLUE - 0.1:.3g}> rotate y * {spin:.3g} }} "
    return along(tape, at, unit)


def foil_hose(rng, start, way, end, level, rear):
    """A flexible aluminium duct in place of the pipe: it sags and its ribs are uneven."""
    radius = FLUE + rng.uniform(0.3, 0.7)
    sag, lift = rng.uniform(2, 7), rng.uniform(0, 5)
    low = start[-1][1]
    path = [*start, (way * 4, max(low + 4, level + lift), -8 - rng.uniform(0, 2)), (way * abs(end) * 0.5, level - sag * 0.5, -8 - rng.uniform(0, 4))]
    if rear:
        path += [(end - way * 5, level - sag * 0.3, -8), (end, level, -3), (end, level, 4)]
    else:
        path += [(end - way * 8, level - sag * 0.2, -8), (end + way * 3, level, -8)]
    curve = spline(path, 0.55)
    parts = []
    for k, (a, b) in enumerate(zip(curve, curve[1:])):
        wide = radius * (1 + 0.03 * rng.normal())
        narrow = radius * (0.9 + 0.015 * rng.normal())
        r0, r1 = (narrow, wide) if k % 2 else (wide, narrow)
        a2 = [c + rng.normal(0, 0.06) for c in a]
        parts.append(f"cone {{ {vec(*a2)}, {r0:.3g}, {vec(*b)}, {r1:.3g} }}")
    ring = f"torus {{ {radius * 0.97:.3g}, 0.3 texture {{ Zinc }} translate {vec(start[0][0], start[0][1] + 2.4, start[0][2])} }}\n" if rng.random() < 0.6 else ""
    return "union { " + " ".join(parts) + " texture { Foil } }\n" + ring


def outlet_rosette(rng, x, y, way, rear):
    """The ring or the mortar around the pipe where it goes through the wall."""
    radius = FLUE + rng.uniform(2.0, 3.4)
    skin = pick(rng, "texture { Stainless }", "Paint(<0.75, 0.75, 0.74>, 0.3)", "Paint(<0.62, 0.61, 0.58>, 0.02)")
    if rear:
        return f"cylinder {{ {vec(x, y, -0.6)}, {vec(x, y, 0)}, {radius:.3g} {skin} }}\n"
    return f"cylinder {{ {vec(x - way * 0.6, y, -8)}, {vec(x, y, -8)}, {radius:.3g} {skin} }}\n"
