"""What every site has: camera, light, shadows, a wall and its clutter. Each function returns POV-Ray text."""

import math


def header(parts="parts.inc"):
    """Radiosity gives the soft contact shadows of real daylight. `parts` is the appliance's own file of macros."""
    return (
        f'#version 3.7;\n#include "{parts}"\n'
        "global_settings { assumed_gamma 1.0 max_trace_level 30 radiosity { pretrace_start 0.08 pretrace_end 0.04 "
        "count 20 nearest_count 4 error_bound 1.5 recursion_limit 1 low_error_factor 0.7 } }\n"
    )


def vec(*numbers):
    """A POV-Ray vector."""
    return "<" + ", ".join(f"{n:.4g}" for n in numbers) + ">"


def tint(rng, colour, spread=0.022):
    """A colour a little lighter or darker and a little off in hue."""
    gain = 2.0 ** rng.uniform(-0.25, 0.2)
    return [max(0.01, c * gain * (1 + rng.normal(0, spread))) for c in colour]


def pick(rng, *choices):
    """One of the choices."""
    return choices[int(rng.integers(len(choices)))]


def camera(rng, target, yaw, pitch, distance, fov=48.0):
    """A technician standing at roughly one place: yaw ±10°, pitch ±6°, scale ±15 %, a small shift and roll."""
    yaw = math.radians(yaw + rng.uniform(-10, 10))
    pitch = math.radians(pitch + rng.uniform(-6, 6))
    distance *= rng.uniform(0.87, 1.15)
    target = [t + rng.uniform(-0.035, 0.035) * distance for t in target]
    eye = [
        target[0] + distance * math.cos(pitch) * math.sin(yaw),
        target[1] + distance * math.sin(pitch),
        target[2] - distance * math.cos(pitch) * math.cos(yaw),
    ]
    roll = math.radians(rng.normal(0, 1.6))
    sky = vec(math.sin(roll), math.cos(roll), 0)
    return f"camera {{ perspective location {vec(*eye)} right x*4/3 sky {sky} angle {fov} look_at {vec(*target)} }}\n"


def daylight(rng, target):
    """Sun and sky, an overcast day, or dusk with the phone's lamp; with the shadows of things out of view."""
    mode = rng.choice(["sun", "overcast", "shade", "lamp"], p=[0.42, 0.3, 0.2, 0.08])
    sky = tint(rng, pick(rng, (0.30, 0.34, 0.40), (0.36, 0.37, 0.38), (0.34, 0.33, 0.30)))
    if mode == "shade":
        sky = [0.30, 0.36, 0.45]
    if mode == "lamp":
        sky = [c * 0.16 for c in sky]
    out = f"sky_sphere {{ pigment {{ gradient y color_map {{ [0 rgb {vec(*[c * 0.55 for c in sky])}] [0.15 rgb {vec(*sky)}] [1 rgb {vec(*[c * 1.1 for c in sky])}] }} }} }}\n"
    azimuth, height = math.radians(rng.uniform(-68, 68)), math.radians(rng.uniform(24, 68))
    ray = [math.cos(height) * math.sin(azimuth), math.sin(height), -math.cos(height) * math.cos(azimuth)]
    at = [t + 600 * r for t, r in zip(target, ray)]
    if mode == "sun":
        warm = 1 - (height - 0.4) / 0.8
        power = rng.uniform(0.6, 1.2)
        colour = [power, power * (0.93 - 0.1 * warm), power * (0.84 - 0.25 * warm)]
        out += f"light_source {{ {vec(*at)} rgb {vec(*colour)} area_light x*9, y*9, 2, 2 jitter }}\n"
        if rng.random() < 0.45:
            out += shadow_caster(rng, target, ray)
    elif mode == "lamp":
        eye = [target[0] + rng.uniform(-10, 10), target[1] + rng.uniform(0, 15), target[2] - 95]
        out += f"light_source {{ {vec(*eye)} rgb <0.34, 0.34, 0.36> area_light x*2, y*2, 2, 2 fade_distance 90 fade_power 2 }}\n"
    else:
        power = rng.uniform(0.10, 0.22)
        colour = [power * c / sky[1] for c in sky]
        out += f"light_source {{ {vec(*at)} rgb {vec(*colour)} area_light x*420, z*420, 2, 2 jitter }}\n"
    return out


def shadow_caster(rng, target, ray):
    """Leaves or railing bars between the sun and the wall."""
    centre = [t + 170 * r for t, r in zip(target, ray)]
    parts = []
    if rng.random() < 0.5:
        offset = rng.uniform(-30, 30)
        for k in range(-3, 4):
            x = centre[0] + offset + k * 17
            parts.append(f"cylinder {{ {vec(x, centre[1] - 120, centre[2])}, {vec(x, centre[1] + 60, centre[2])}, 1.1 }}")
    else:
        side = rng.choice([-1, 1])
        for _ in range(60):
            x, y, z = centre[0] + side * 20 + rng.normal(0, 28), centre[1] + rng.normal(6, 24), centre[2] + rng.normal(0, 12)
            turn = vec(*rng.uniform(0, 180, 3))
            parts.append(f"sphere {{ 0, 1 scale <{rng.uniform(2, 5):.3g}, 0.1, 2> rotate {turn} translate {vec(x, y, z)} }}")
    return "union { " + " ".join(parts) + " pigment { rgb <0.1, 0.15, 0.06> } no_image }\n"


def grime(amount, shift):
    """A film of dust and rain streaks to lay over another texture; `amount` 0..1."""
    dirt = "0.16, 0.14, 0.11"
    return (
        f"texture {{ pigment {{ wrinkles turbulence 0.6 lambda 2.3 color_map {{ [0 rgbt <{dirt}, 1>] [0.45 rgbt <{dirt}, 1>] "
        f"[1 rgbt <{dirt}, {1 - amount:.3g}>] }} scale <7, 34, 9> translate {shift} }} finish {{ diffuse 0.75 ambient 0 }} }}"
    )


def rust(cover, shift):
    """Rust that has come through a coating, over about the share `cover` of it (0..1)."""
    clear = "pigment { rgbt <0.45, 0.33, 0.22, 1> }"
    scale = (
        "granite turbulence 0.4 color_map { [0.1 rgb <0.10, 0.045, 0.025>] [0.4 rgb <0.22, 0.10, 0.05>] "
        "[0.7 rgb <0.31, 0.15, 0.07>] [0.95 rgb <0.40, 0.23, 0.12>] } scale 0.5"
    )
    return (
        f"texture {{ pigment {{ bozo turbulence 1.1 octaves 7 omega 0.65 pigment_map {{ [0 {scale}] [{cover:.3g} {scale}] "
        f"[{cover + 0.04:.3g} rgbt <0.38, 0.22, 0.12, 0.45>] [{cover + 0.16:.3g} rgbt <0.45, 0.33, 0.22, 0.85>] [1 {clear[10:-2]}] }} scale <7, 10, 7> translate {shift} }} "
        f"normal {{ granite 0.3 scale 0.8 }} finish {{ diffuse 0.75 ambient 0 }} }}"
    )


def wall_texture(rng):
    """Facade tiles, brick, painted plaster, exposed concrete or pebble dash, each with its own dirt."""
    kind = rng.choice(["tile", "brick", "plaster", "concrete", "dash"], p=[0.3, 0.14, 0.3, 0.16, 0.1])
    shift = vec(*rng.uniform(-500, 500, 3))
    # Rows of `brick` are staggered in depth too: a quarter of the depth keeps the face clear of both joints.
    course = vec(*rng.uniform(-50, 50, 2), -10)
    dirt = grime(rng.uniform(0.1, 0.55), shift)
    matt = "finish { diffuse 0.75 ambient 0 }"
    if kind == "tile":
        base = tint(rng, pick(rng, (0.72, 0.70, 0.66), (0.62, 0.50, 0.40), (0.50, 0.55, 0.60), (0.66, 0.58, 0.46), (0.56, 0.34, 0.26)))
        light, joint = [c * 1.12 for c in base], tint(rng, pick(rng, (0.40, 0.39, 0.37), (0.7, 0.69, 0.66), (0.2, 0.2, 0.2)))
        size = pick(rng, (9.5, 4.5), (19, 4.5), (4.5, 4.5), (23, 6), (10, 10))
        brick = f"brick_size <{size[0] + 0.7}, {size[1] + 0.7}, 40> mortar {rng.uniform(0.45, 0.9):.3g}"
        tiles = f"pigment {{ granite color_map {{ [0 rgb {vec(*base)}] [1 rgb {vec(*light)}] }} scale 30 }}"
        shine = f"specular {rng.uniform(0.02, 0.35):.3g} roughness 0.03"
        return (
            f"texture {{ pigment {{ brick pigment {{ rgb {vec(*joint)} }}, {tiles} {brick} translate {course} }} "
            f"normal {{ brick 0.35 {brick} translate {course} }} finish {{ diffuse 0.7 {shine} ambient 0 }} }} {dirt}"
        )
    if kind == "brick":
        base = tint(rng, pick(rng, (0.42, 0.20, 0.14), (0.38, 0.26, 0.19), (0.34, 0.33, 0.32)))
        dark, joint = [c * 0.6 for c in base], tint(rng, (0.46, 0.44, 0.40))
        brick = "brick_size <24, 6.3, 40> mortar 1"
        tiles = f"pigment {{ bozo turbulence 0.4 color_map {{ [0 rgb {vec(*dark)}] [1 rgb {vec(*base)}] }} scale <14, 6, 6> }}"
        return (
            f"texture {{ pigment {{ brick pigment {{ rgb {vec(*joint)} }}, {tiles} {brick} translate {course} }} "
            f"normal {{ average normal_map {{ [1 brick 0.6 {brick} translate {course}] [1 granite 0.5 scale 3] }} }} {matt} }} {dirt}"
        )
    if kind == "plaster":
        base = tint(rng, pick(rng, (0.72, 0.70, 0.64), (0.66, 0.60, 0.46), (0.58, 0.60, 0.60), (0.70, 0.58, 0.48), (0.78, 0.78, 0.76)))
        bump = f"normal {{ granite {rng.uniform(0.1, 0.4):.3g} scale {rng.uniform(1.5, 6):.3g} }}"
        spread = rng.uniform(0.86, 0.97)
    elif kind == "concrete":
        base = tint(rng, (0.46, 0.45, 0.43))
        bump = "normal { average normal_map { [1 granite 0.35 scale 8] [1 wrinkles 0.4 scale 3] } }"
        spread = rng.uniform(0.6, 0.8)
    else:
        base = tint(rng, pick(rng, (0.52, 0.48, 0.42), (0.46, 0.46, 0.46)))
        bump = "normal { crackle 0.9 scale 0.9 }"
        spread = 0.6
    low = [c * spread for c in base]
    grain = rng.uniform(6, 40) if kind != "dash" else 2.0
    return (
        f"texture {{ pigment {{ granite turbulence 0.3 color_map {{ [0.1 rgb {vec(*low)}] [0.9 rgb {vec(*base)}] }} scale {grain:.3g} translate {shift} }} "
        f"{bump} {matt} }} {dirt}"
    )


def wall(rng, holes=()):
    """The wall, with round holes (x, y, radius) drilled through its face; and the ground far below."""
    cuts = " ".join(f"cylinder {{ {vec(x, y, -1)}, {vec(x, y, 30)}, {r:.3g} texture {{ pigment {{ granite color_map {{ [0 rgb <0.12, 0.07, 0.05>] [1 rgb <0.3, 0.2, 0.15>] }} scale 4 }} finish {{ diffuse 0.6 ambient 0 }} }} }}" for x, y, r in holes)
    slab = "box { <-600, -400, 0>, <600, 500, 40> }"
    body = f"difference {{ {slab} {cuts} {wall_texture(rng)} }}" if holes else f"object {{ {slab} {wall_texture(rng)} }}"
    ground = vec(*tint(rng, (0.22, 0.22, 0.21)))
    return body + f"\nbox {{ <-2000, -420, -2000>, <2000, -400, 0> pigment {{ rgb {ground} }} finish {{ ambient 0 }} }}\n"


def clutter(rng, left, right, bottom, top):
    """Things any wall may have: a down pipe, cables and their clips, cracks. They say nothing about the work."""
    out = ""
    if rng.random() < 0.3:
        x = left - rng.uniform(0, 14) if rng.random() < 0.5 else right + rng.uniform(0, 14)
        colour = vec(*tint(rng, pick(rng, (0.75, 0.75, 0.72), (0.45, 0.46, 0.48), (0.6, 0.5, 0.4))))
        out += f"union {{ cylinder {{ {vec(x, -400, -8)}, {vec(x, 500, -8)}, 5.5 }} "
        y = bottom + rng.uniform(0, 60)
        out += f"cylinder {{ {vec(x, y, -8)}, {vec(x, y + 6, -8)}, 6.2 }} box {{ {vec(x - 7, y + 20, -14)}, {vec(x + 7, y + 22, 0)} }} Paint({colour}, 0.2) }}\n"
    for _ in range(int(rng.integers(0, 3))):
        y, sag, radius = rng.uniform(bottom, top), rng.uniform(1, 9), rng.uniform(0.3, 0.7)
        slope = rng.uniform(-0.15, 0.15)
        points = [(x, y + slope * (x - left) - sag * math.sin(math.pi * (x % 55) / 55), -0.9) for x in range(int(left) - 90, int(right) + 90, 5)]
        colour = pick(rng, (0.03, 0.03, 0.03), (0.55, 0.55, 0.53), (0.75, 0.74, 0.7))
        out += tube(points, radius, f"Paint({vec(*colour)}, 0.2)")
    for _ in range(int(rng.integers(0, 3))):
        out += f"object {{ Crack({rng.uniform(left, right):.3g}, {rng.uniform(bottom, top):.3g}, {rng.uniform(-70, 70):.3g}, {rng.uniform(10, 45):.3g}) }}\n"
    return out


def tube(points, radius, skin):
    """A round tube through the points."""
    parts = [f"sphere {{ {vec(*points[0])}, {radius:.3g} }}"]
    for a, b in zip(points, points[1:]):
        parts.append(f"cylinder {{ {vec(*a)}, {vec(*b)}, {radius:.3g} }} sphere {{ {vec(*b)}, {radius:.3g} }}")
    return "union { " + " ".join(parts) + f" {skin} }}\n"


def spline(points, step=1.0):
    """Centripetal-looking Catmull–Rom curve through 3-D points, sampled about every `step` cm."""
    ends = [tuple(2 * a - b for a, b in zip(points[0], points[1]))] + list(points)
    ends.append(tuple(2 * a - b for a, b in zip(points[-1], points[-2])))
    curve = []
    for p0, p1, p2, p3 in zip(ends, ends[1:], ends[2:], ends[3:]):
        count = max(2, int(math.dist(p1, p2) / step))
        for k in range(count):
            t = k / count
            curve.append(tuple(
                0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)
                for a, b, c, d in zip(p0, p1, p2, p3)
            ))
    return curve + [tuple(points[-1])]


def wrapped(rng, points, radius, colour, band=3.2):
    """A bundle wound with tape: each turn overlaps the last and is creased a little differently."""
    curve, parts, travelled = spline(points, 0.8), [], rng.uniform(0, band)
    for a, b in zip(curve, curve[1:]):
        length = math.dist(a, b)
        if length < 1e-6:
            continue
        phase = (travelled % band) / band
        turn = int(travelled / band)
        shade = [c * (1 + 0.05 * math.sin(turn * 2.4) + 0.02 * rng.normal()) for c in colour]
        r0, r1 = radius * (1.07 - 0.11 * phase), radius * (1.07 - 0.11 * min(1.0, phase + length / band))
        lean = [rng.normal(0, 0.06) * radius for _ in range(3)]
        a2 = [p + d for p, d in zip(a, lean)]
        parts.append(f"cone {{ {vec(*a2)}, {r0:.3g}, {vec(*b)}, {r1:.3g} Paint({vec(*shade)}, 0.25) }} sphere {{ {vec(*b)}, {r1 * 0.985:.3g} Paint({vec(*shade)}, 0.25) }}")
        travelled += length
    return "union { " + " ".join(parts) + " }\n"


def corrugated(points, radius, colour, skin=None, step=0.45, depth=0.86):
    """A ribbed hose, its ribs two steps apart, in a matt colour or in a skin of its own."""
    parts = []
    for k, (a, b) in enumerate(zip(*(lambda c: (c, c[1:]))(spline(points, step)))):
        wide, narrow = (radius, radius * depth) if k % 2 else (radius * depth, radius)
        parts.append(f"cone {{ {vec(*a)}, {narrow:.3g}, {vec(*b)}, {wide:.3g} }}")
    return "union { " + " ".join(parts) + f" {skin or f'Paint({vec(*colour)}, 0.15)'} }}\n"


def putty(rng, x, y, radius):
    """Sealing putty pressed around the pipes by hand."""
    colour = tint(rng, pick(rng, (0.74, 0.73, 0.70), (0.5, 0.5, 0.49), (0.66, 0.60, 0.50)), 0.02)
    lumps = []
    for _ in range(80):
        angle, reach = rng.uniform(0, 6.283), radius * (0.35 + 0.75 * rng.random())
        dx, dy = reach * math.cos(angle), reach * math.sin(angle)
        lumps.append(f"sphere {{ {vec(x + dx, y + dy, 0.6 - 1.0 * (1.2 - reach / radius))}, {rng.uniform(1.5, 2.3):.3g}, 1.0 }}")
    return (
        f"blob {{ threshold 0.45 {' '.join(lumps)} texture {{ pigment {{ rgb {vec(*colour)} }} normal {{ average normal_map {{ "
        f"[1 granite 0.25 scale 3] [1 bumps 0.5 scale 1.4] }} }} finish {{ diffuse 0.75 specular 0.05 ambient 0 }} }} }}\n"
    )
