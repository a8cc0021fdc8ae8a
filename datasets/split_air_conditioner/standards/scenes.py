"""One function per checkpoint: `scene(rng, defect)` returns the POV-Ray text of one visit's photo."""

import numpy as np

from site_parts import (
    camera, clutter, corrugated, daylight, grime, header, pick, putty, rust, spline, tint, tube, vec, wall, wrapped,
)

IVORY = (0.74, 0.72, 0.66)


def unit_skins(rng):
    """Casing and grille of the outdoor unit, new or a few years old."""
    casing, grille = tint(rng, IVORY, 0.02), tint(rng, pick(rng, IVORY, (0.3, 0.3, 0.3), (0.62, 0.61, 0.58)), 0.02)
    dirt = rng.uniform(0.0, 0.25)
    shift = vec(*rng.uniform(-300, 300, 3))
    return (
        f"#declare Casing = texture {{ pigment {{ rgb {vec(*casing)} }} finish {{ diffuse 0.75 specular 0.25 roughness 0.03 ambient 0 }} }} {grime(dirt, shift)}\n"
        f"#declare Grille = texture {{ pigment {{ rgb {vec(*grille)} }} finish {{ diffuse 0.75 specular 0.2 roughness 0.04 ambient 0 }} }}\n"
        f"#declare Steel = texture {{ pigment {{ rgb {vec(*[c * 0.9 for c in casing])} }} finish {{ diffuse 0.7 specular 0.2 roughness 0.04 ambient 0 }} }}\n"
    )


def bracket_skin(rng, cover):
    """Powder-coated or galvanised bracket; `cover` is the share of the coating lost."""
    base = tint(rng, pick(rng, (0.74, 0.73, 0.68), (0.66, 0.66, 0.64), (0.5, 0.51, 0.52)), 0.02)
    shift = vec(*rng.uniform(-300, 300, 3))
    skin = f"#declare Coat = texture {{ pigment {{ rgb {vec(*base)} }} finish {{ diffuse 0.7 specular 0.22 roughness 0.04 ambient 0 }} }} {grime(rng.uniform(0.03, 0.2), shift)}"
    if cover > 0:
        skin += " " + rust(cover, shift)
    return skin + "\n"


def outdoor_bracket(rng, defect):
    """Both brackets under the unit, seen from below on the left; three expansion bolts in each."""
    target = (0, -16, -14)
    out = header() + camera(rng, target, -37, -13, 108) + daylight(rng, target)
    drill, bolts = [], []
    missing = set()
    if defect == "missing_bolt":
        count = 2 if rng.random() < 0.4 else 1
        missing = {tuple(divmod(int(k), 3)) for k in rng.choice(6, count, replace=False)}
    spacing = 25 + rng.uniform(-1.5, 1.5)
    for side in (0, 1):
        x = (2 * side - 1) * spacing
        for row, y in enumerate((-7, -19, -31)):
            dx, dy = x - 0.1 + rng.normal(0, 0.08), y + rng.uniform(-0.6, 0.6)
            if (side, row) in missing:
                drill.append((dx, dy, 0.62))
            else:
                bolts.append(f"object {{ Bolt({rng.uniform(0, 60):.3g}, {rng.uniform(0.6, 2.4):.3g}) translate {vec(dx, dy, -0.45)} }}")
    cover = rng.uniform(0.45, 0.66) if defect == "rusted_bracket" else 0.0
    out += unit_skins(rng) + bracket_skin(rng, cover) + wall(rng, drill) + clutter(rng, -48, 48, -70, -5)
    for x in (-spacing, spacing):
        out += f"union {{ object {{ Bracket(Coat) }} object {{ BracketJoints() }} translate {vec(x, 0, 0)} }}\n"
        out += f"object {{ Foot(Steel) translate {vec(x, 0, 0)} }}\n"
        if cover:
            # The second bracket has rusted in other places.
            out += rust_streak(rng, x) + bracket_skin(rng, cover)
    if cover:
        out += "#declare Zinc = texture { Zinc } " + rust(0.5, "<3, 1, 7>") + "\n"
    out += "\n".join(bolts) + "\nobject { OutdoorUnit(Casing, Grille) }\n"
    return out + loose_hose(rng)


def rust_streak(rng, x):
    """Brown water run down the wall beneath a rusted bracket: soft runs of different lengths."""
    out = ""
    for _ in range(int(rng.integers(2, 6))):
        half, length = rng.uniform(0.7, 2.6), rng.uniform(12, 50)
        middle, opacity = x + rng.normal(0, 1.6), rng.uniform(0.2, 0.55)
        rgb = "0.34, 0.18, 0.09"
        clear = f"rgbt <{rgb}, 1>"
        across = (
            f"gradient x triangle_wave color_map {{ [0 {clear}] [1 rgbt <{rgb}, {1 - opacity:.3g}>] }} "
            f"scale {2 * half:.3g} translate x * {middle - half:.4g}"
        )
        out += (
            f"box {{ {vec(middle - half, -40 - length, -rng.uniform(0.04, 0.12))}, {vec(middle + half, -34, -0.02)} texture {{ pigment {{ gradient y "
            f"pigment_map {{ [0 rgbt <{rgb}, 1>] [0.6 {across} turbulence <0.15, 0, 0>] [1 {across} turbulence <0.15, 0, 0>] }} "
            f"scale <1, {length + 6.2:.4g}, 1> translate y * {-40.1 - length:.4g} }} finish {{ diffuse 0.75 ambient 0 }} }} no_shadow }}\n"
        )
    return out


def loose_hose(rng):
    """The drain and the pipe bundle that pass behind the unit, placed differently at every home."""
    x, reach = 44 + rng.uniform(-4, 6), rng.uniform(6, 20)
    colour = tint(rng, pick(rng, (0.72, 0.71, 0.67), (0.5, 0.5, 0.5), (0.68, 0.62, 0.5)))
    out = wrapped(rng, [(x, 40, -6), (x + 1, 15, -6), (x - 1, 2, -9), (x - 6, -3, -15), (36, 8, -24)], 2.1, colour)
    if rng.random() < 0.6:
        hose = tint(rng, (0.7, 0.7, 0.68))
        out += corrugated([(x + 2, 6, -5), (x + reach * 0.2, -25, -3), (x + reach * 0.1, -60, -3), (x, -120, -3)], 1.0, hose)
    return out


def pipe_connection(rng, defect):
    """The unit's valve side: the wrapped bundle from the sealed wall hole to the two service valves."""
    target = (53, 26, -14)
    out = header() + camera(rng, target, 14, 6, 100) + daylight(rng, target)
    hx, hy = 64 + rng.uniform(-3, 3), 47 + rng.uniform(-3, 3)
    hole = 4.6 if defect == "unsealed_wall_hole" else 3.6
    out += unit_skins(rng) + wall(rng, [(hx, hy, hole)]) + clutter(rng, 42, 100, -20, 75)
    out += "object { OutdoorUnit(Casing, Grille) }\n"
    for x in (-25, 25):
        out += f"object {{ Bracket(Steel) translate {vec(x, 0, 0)} }} object {{ Foot(Steel) translate {vec(x, 0, 0)} }}\n"
    if defect == "unsealed_wall_hole":
        out += broken_rim(rng, hx, hy, hole)
    else:
        out += putty(rng, hx, hy, 4.2)
    colour = tint(rng, pick(rng, (0.76, 0.75, 0.70), (0.76, 0.75, 0.70), (0.66, 0.60, 0.48), (0.46, 0.47, 0.48)), 0.03)
    low = rng.uniform(-3, 3)
    start = [(hx - 0.8, hy - 1.0, 9), (hx - 0.4, hy - 0.6, -2), (hx - 0.5, hy - 4, -7.5), (hx - 2.5, hy - 16, -8.5), (57 + low * 0.4, 17 + low, -13)]
    out += wrapped(rng, start + [(52.5, 10 + low * 0.6, -19)], rng.uniform(2.3, 2.7), colour)
    return out + branches(rng, defect, low) + drain_and_cable(rng, low)


def broken_rim(rng, x, y, radius):
    """Chipped plaster around a hole that nobody filled."""
    chips = []
    for _ in range(26):
        angle = rng.uniform(0, 6.283)
        dx, dy = (radius + 0.15) * np.cos(angle), (radius + 0.15) * np.sin(angle)
        chips.append(f"sphere {{ 0, 1 scale {vec(rng.uniform(0.3, 1.2), rng.uniform(0.3, 1.0), 0.07)} translate {vec(x + dx, y + dy, 0)} }}")
    grey = tint(rng, (0.34, 0.31, 0.28))
    return "union { " + " ".join(chips) + f" pigment {{ granite color_map {{ [0 rgb {vec(*grey)}] [1 rgb {vec(*[c * 1.7 for c in grey])}] }} scale 2 }} normal {{ granite 0.6 }} }}\n"


def branches(rng, defect, low):
    """Gas and liquid pipe from the end of the bundle to their valves, in foam sleeves, or bare copper."""
    foam = tint(rng, pick(rng, (0.05, 0.05, 0.05), (0.72, 0.71, 0.68), (0.60, 0.59, 0.56)), 0.02)
    tape = tint(rng, (0.76, 0.75, 0.70), 0.03)
    out = f"object {{ {cover_plate(rng)} }}\n"
    for y, radius, sleeve in ((15.5, 0.85, 1.75), (8.5, 0.5, 1.35)):
        sag = rng.uniform(-1.5, 1.0)
        path = [(54, 11.5 + low * 0.6, -17), (51.5, y + sag - 1.5, -21.5), (48, y + sag * 0.4, -24.2), (44.5, y, -25)]
        out += f"object {{ Valve({radius:.3g}) translate {vec(41, y, -25)} }}\n"
        out += tube(spline(path + [(43, y, -25)], 0.7), radius, "texture { Copper }")
        if defect == "no_insulation":
            stub = spline(path, 0.7)
            if rng.random() < 0.5:
                out += tube(stub[: max(3, int(len(stub) * rng.uniform(0.15, 0.4)))], sleeve, f"Paint({vec(*foam)}, 0.08)")
        elif rng.random() < 0.45:
            out += wrapped(rng, path, sleeve, tape, 2.2)
        else:
            out += tube(spline(path, 0.7), sleeve, f"Paint({vec(*foam)}, 0.08)")
    return out


def cover_plate(rng):
    """The recessed plate that carries the valves."""
    shade = vec(*tint(rng, (0.55, 0.55, 0.53), 0.02))
    return f"union {{ box {{ <38.9, 4.5, -31>, <39.4, 21, -18> }} cylinder {{ <39.3, 19.8, -29.5>, <39.9, 19.8, -29.5>, 0.7 }} cylinder {{ <39.3, 5.6, -19.5>, <39.9, 5.6, -19.5>, 0.7 }} Paint({shade}, 0.3) }}"


def drain_and_cable(rng, low):
    """The drain hose leaves the bundle and hangs down the wall; the cable goes into the unit above the valves."""
    hose = tint(rng, (0.72, 0.72, 0.70), 0.02)
    x = 58 + rng.uniform(-3, 5)
    out = corrugated([(57.5, 17 + low, -12), (x + 1, 8 + low, -8), (x, -6, -3), (x + rng.uniform(-2, 2), -60, -2), (x, -120, -2)], rng.uniform(0.85, 1.1), hose)
    black = pick(rng, (0.03, 0.03, 0.03), (0.03, 0.03, 0.03), (0.6, 0.6, 0.58))
    lift = rng.uniform(22, 30)
    return out + tube(spline([(56, 16 + low, -14.5), (52, 15 + low, -18), (48, 20, -22), (44.5, lift, -25), (38, lift + 1, -26)], 0.8), 0.55, f"Paint({vec(*black)}, 0.25)")
