"""What a kitchen or a closed balcony has: tiled walls, ceiling, light, and things that say nothing about the work."""

import math

from site_parts import grime, pick, tint, tube, vec

MATT = "finish { diffuse 0.75 ambient 0 }"


def tile_texture(rng):
    """Wall tiles in straight or staggered courses, plain, speckled or marbled, each tile a shade of its own."""
    size = pick(rng, (30, 30), (30, 60), (60, 30), (20, 20), (15, 7.5), (45, 30), (10, 10), (24, 6))
    base = tint(rng, pick(
        rng, (0.76, 0.75, 0.72), (0.74, 0.73, 0.71), (0.70, 0.66, 0.58), (0.62, 0.63, 0.63), (0.60, 0.66, 0.66), (0.68, 0.58, 0.48), (0.48, 0.48, 0.47),
    ))
    joint = tint(rng, pick(rng, (0.62, 0.61, 0.58), (0.44, 0.43, 0.41), (0.72, 0.71, 0.69), (0.30, 0.29, 0.28)))
    width, low = rng.uniform(0.15, 0.35), [c * rng.uniform(0.88, 0.98) for c in base]
    offset = vec(*rng.uniform(-40, 40, 2), 0)
    face = f"granite turbulence 0.2 color_map {{ [0.1 rgb {vec(*low)}] [0.9 rgb {vec(*base)}] }} scale {rng.uniform(4, 30):.3g}"
    shine = f"finish {{ diffuse 0.72 specular {rng.uniform(0.1, 0.4):.3g} roughness {rng.uniform(0.004, 0.02):.3g} reflection {rng.uniform(0, 0.05):.3g} ambient 0 }}"
    if size in ((15, 7.5), (24, 6)) and rng.random() < 0.6:
        brick = f"brick_size <{size[0] + width:.4g}, {size[1] + width:.4g}, 40> mortar {width:.3g}"
        place = f"translate {vec(*rng.uniform(-40, 40, 2), -10)}"
        laid = (
            f"texture {{ pigment {{ brick pigment {{ rgb {vec(*joint)} }}, pigment {{ {face} }} {brick} {place} }} "
            f"normal {{ brick 0.3 {brick} {place} }} {shine} }}"
        )
    else:
        # Two gradients cross; the face is scaled back so that its grain is not stretched with them.
        column = f"gradient y pigment_map {{ [{width / size[1]:.4g} rgb {vec(*joint)}] [{width / size[1]:.4g} {face} scale <{1 / size[0]:.4g}, {1 / size[1]:.4g}, 1>] }} scale <1, {size[1]}, 1>"
        laid = f"texture {{ pigment {{ gradient x pigment_map {{ [{width / size[0]:.4g} rgb {vec(*joint)}] [{width / size[0]:.4g} {column}] }} scale <{size[0]}, 1, 1> translate {offset} }} normal {{ granite 0.02 scale 6 }} {shine} }}"
        laid += f" texture {{ pigment {{ cells color_map {{ [0 rgbt <0, 0, 0, 1>] [1 rgbt <0, 0, 0, {1 - rng.uniform(0.01, 0.12):.3g}>] }} scale <{size[0]}, {size[1]}, 999> translate {offset} translate z * 400 }} {MATT} }}"
        if rng.random() < 0.3:
            vein = vec(*[c * 0.6 for c in base])[1:-1]
            laid += f" texture {{ pigment {{ marble turbulence 1.4 octaves 7 color_map {{ [0 rgbt <{vein}, 0.55>] [0.08 rgbt <{vein}, 0.95>] [0.3 rgbt <{vein}, 1>] [1 rgbt <{vein}, 1>] }} rotate z * {rng.uniform(20, 70):.3g} scale {rng.uniform(14, 40):.3g} translate {vec(*rng.uniform(-90, 90, 2), 0)} }} {MATT} }}"
    return f"{laid} {grime(rng.uniform(0, 0.14), vec(*rng.uniform(-400, 400, 3)))}"


def indoor_texture(rng):
    """Tiles in three homes of four, else paint."""
    if rng.random() < 0.76:
        return tile_texture(rng)
    paint = tint(rng, pick(rng, (0.74, 0.73, 0.70), (0.70, 0.66, 0.58), (0.62, 0.66, 0.66), (0.66, 0.66, 0.60)))
    return f"texture {{ pigment {{ rgb {vec(*paint)} }} normal {{ granite {rng.uniform(0.04, 0.2):.3g} scale {rng.uniform(1, 4):.3g} }} {MATT} }} {grime(rng.uniform(0, 0.2), vec(*rng.uniform(-400, 400, 3)))}"


def indoor_wall(rng, side=None, ceiling=None):
    """The wall behind the appliance; with a wall across it at x = `side`, and a ceiling at y = `ceiling`."""
    skin = indoor_texture(rng)
    out = f"box {{ <-600, -400, 0>, <600, 500, 20> {skin} }}\n"
    if side is not None:
        out += f"box {{ <-600, -400, 0>, <600, 500, 20> {skin} rotate y * {90 if side > 0 else -90} translate x * {side:.4g} }}\n"
    if ceiling is not None:
        if rng.random() < 0.5:
            step = pick(rng, 30, 12)
            out += f"box {{ <-600, {ceiling:.4g}, -600>, <600, {ceiling + 5:.4g}, 20> texture {{ pigment {{ gradient x color_map {{ [0.02 rgb 0.4] [0.02 rgb 0.72] }} scale {step} }} finish {{ diffuse 0.72 specular 0.1 ambient 0 }} }} }}\n"
        else:
            out += f"box {{ <-600, {ceiling:.4g}, -600>, <600, {ceiling + 5:.4g}, 20> pigment {{ rgb 0.74 }} {MATT} }}\n"
    return out + f"box {{ <-600, -420, -600>, <600, -400, 20> pigment {{ rgb {vec(*tint(rng, (0.4, 0.37, 0.33)))} }} {MATT} }}\n"


def room_light(rng, target, ceiling=None, closed=0):
    """A window to one side, a ceiling lamp, both, or the phone's lamp in a dark corner; and a room that metal can mirror.

    No light stands behind a wall: `closed` is the side (-1 or 1) that has one across, `ceiling` its height.
    """
    mode = rng.choice(["window", "lamp", "both", "phone"], p=[0.34, 0.28, 0.26, 0.12])
    warm = rng.uniform(0, 1)
    lamp = [1, 1 - 0.16 * warm, 1 - 0.42 * warm]
    day = [rng.uniform(0.86, 0.97), 0.97, rng.uniform(0.98, 1.1)]
    level = {"window": 0.3, "lamp": 0.24, "both": 0.3, "phone": 0.07}[mode]
    room = [level * (a + b) / 2 for a, b in zip(lamp, day)] if mode != "window" else [level * c for c in day]
    dark, bright = [c * 0.35 for c in room], [c * 1.9 for c in room]
    out = (
        f"sky_sphere {{ pigment {{ gradient y color_map {{ [0 rgb {vec(*dark)}] [0.5 rgb {vec(*room)}] [1 rgb {vec(*[c * 1.25 for c in room])}] }} scale 2 translate -1 }} "
        f"pigment {{ bozo color_map {{ [0 rgbt <{vec(*dark)[1:-1]}, 0.3>] [0.3 rgbt <{vec(*dark)[1:-1]}, 1>] [0.62 rgbt <{vec(*bright)[1:-1]}, 1>] [0.68 rgbt <{vec(*bright)[1:-1]}, 0.1>] [1 rgbt <{vec(*bright)[1:-1]}, 0>] }} "
        f"scale <0.35, 0.6, 0.35> translate {vec(*rng.uniform(-9, 9, 3))} }} }}\n"
    )
    x, y, z = target
    roof = 1000 if ceiling is None else ceiling - 9
    if mode in ("window", "both"):
        side, power = pick(rng, -1, 1), rng.uniform(0.35, 0.8)
        side = -closed if side == closed else side
        at = vec(x + side * rng.uniform(130, 320), min(y + rng.uniform(-20, 110), roof - 20), z - rng.uniform(110, 300))
        out += f"light_source {{ {at} rgb {vec(*[power * c for c in day])} area_light y*110, x*80, 3, 3 jitter adaptive 1 }}\n"
    if mode in ("lamp", "both"):
        power = rng.uniform(0.3, 0.6)
        across = rng.uniform(-130, 130)
        across = -across if across * closed > 0 else across
        at = vec(x + across, min(y + rng.uniform(60, 120), roof), z - rng.uniform(90, 260))
        out += f"light_source {{ {at} rgb {vec(*[power * c for c in lamp])} area_light x*45, z*45, 3, 3 jitter adaptive 1 }}\n"
    if mode == "phone":
        at = vec(x + rng.uniform(-8, 8), y + rng.uniform(2, 12), z - 85)
        out += f"light_source {{ {at} rgb <0.42, 0.42, 0.44> area_light x*2, y*2, 2, 2 fade_distance 90 fade_power 2 }}\n"
    return out


def socket(rng, x, y):
    """A wall socket of the 86 size with two and three holes."""
    white = vec(*tint(rng, pick(rng, (0.76, 0.76, 0.75), (0.76, 0.76, 0.75), (0.5, 0.48, 0.44), (0.16, 0.16, 0.17)), 0.008))
    holes = [(-0.7, 1.7, 0), (0.7, 1.7, 0), (0, -0.4, 0), (-0.9, -1.9, 30), (0.9, -1.9, -30)]
    cut = " ".join(f"box {{ <-0.12, -0.35, -0.1>, <0.12, 0.35, 0.02> rotate z * {turn} translate {vec(dx, dy, -0.85)} texture {{ Dark }} }}" for dx, dy, turn in holes)
    return f"union {{ object {{ Round_Box_Union(<-4.3, -4.3, -0.9>, <4.3, 4.3, 0>, 0.35) Paint({white}, 0.3) }} {cut} translate {vec(x, y, 0)} }}\n"


def room_clutter(rng, left, right, bottom, top, cupboards=(-1, 1)):
    """A cable duct, a loose cable, a socket, a hook, a cupboard on one of the sides allowed: none of it is part of the work."""
    out = ""
    if rng.random() < 0.22:
        x = pick(rng, left - rng.uniform(0, 8), right + rng.uniform(0, 8))
        white = vec(*tint(rng, (0.74, 0.74, 0.72), 0.01))
        out += f"box {{ {vec(x - 1.2, -400, -1.4)}, {vec(x + 1.2, 500, 0)} Paint({white}, 0.2) }}\n"
    if rng.random() < 0.25:
        out += socket(rng, pick(rng, left, right) + rng.uniform(-3, 3), rng.uniform(bottom, top))
    if rng.random() < 0.3:
        y, sag = rng.uniform(bottom, top), rng.uniform(1, 6)
        out += "".join(f"box {{ {vec(x - 0.4, y - 0.9, -1.1)}, {vec(x + 0.4, y + 0.6, 0)} Paint(<0.7, 0.7, 0.68>, 0.2) }}\n" for x in range(-120, 121, 60))
        points = [(x, y - sag * math.sin(math.pi * (x % 60) / 60), -0.6) for x in range(int(left) - 90, int(right) + 90, 5)]
        out += tube(points, rng.uniform(0.25, 0.45), f"Paint({vec(*pick(rng, (0.7, 0.7, 0.68), (0.05, 0.05, 0.05), (0.5, 0.5, 0.48)))}, 0.2)")
    if rng.random() < 0.25:
        x, y = rng.uniform(left, right), rng.uniform(bottom, top)
        out += f"union {{ object {{ Round_Box_Union({vec(x - 1.6, y - 2.4, -0.4)}, {vec(x + 1.6, y + 2.4, 0)}, 0.3) }} torus {{ 0.8, 0.22 rotate z * 90 translate {vec(x, y - 1.4, -1)} }} Paint({vec(*tint(rng, (0.6, 0.6, 0.6)))}, 0.4) }}\n"
    if rng.random() < 0.28:
        side = pick(rng, *cupboards)
        edge = (right if side > 0 else left) + side * rng.uniform(4, 16)
        board = vec(*tint(rng, pick(rng, (0.74, 0.73, 0.71), (0.42, 0.28, 0.17), (0.55, 0.44, 0.33), (0.30, 0.31, 0.33))))
        out += f"box {{ {vec(min(edge, edge + side * 90), rng.uniform(-20, 0) + bottom, -33)}, {vec(max(edge, edge + side * 90), 500, 0)} Paint({board}, 0.25) }}\n"
    return out
