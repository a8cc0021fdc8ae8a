"""The checkpoints with a handful of good photos: nameplate, indoor unit, wiring, drain, feet, wall before the work."""

import numpy as np

from labels import barcode, blank, font, save, scratches
from scenes import bracket_skin, loose_hose, unit_skins
from site_parts import (
    camera, clutter, corrugated, daylight, grime, header, pick, putty, spline, tint, tube, vec, wall, wrapped,
)

MODEL = "KFR-35GW/QH1"
RATINGS = [
    ("额定电压/频率", "220V~ 50Hz"), ("额定制冷量", "3500W"), ("额定制热量", "4500W"), ("制冷额定功率", "960W"),
    ("制冷额定电流", "4.6A"), ("最大输入电流", "9.5A"), ("制冷剂/充注量", "R32 / 680g"), ("室外机净重", "25kg"),
]


def random_serial(rng):
    """Serial number of a 35 outdoor unit: model line, factory letter, year and month, running number."""
    return f"QH35A{rng.integers(21, 26)}{rng.integers(1, 13):02}{rng.integers(0, 10_000):06}"


def draw_nameplate(rng, serial, path):
    """The printed rating label, 1600 × 1130, a little faded and scratched."""
    paper, ink = pick(rng, (236, 236, 232), (205, 207, 208), (228, 226, 214)), pick(rng, (20, 20, 24), (25, 30, 60))
    label, draw = blank((1600, 1130), paper, ink)
    draw.text((60, 36), "清禾 QINGHE", ink, font(66, "Bold"))
    draw.text((700, 48), "房间空气调节器 室外机", ink, font(60, "Bold"))
    draw.text((60, 140), f"型号  {MODEL}", ink, font(84, "Bold"))
    draw.line((40, 262, 1560, 262), ink, 4)
    for k, (name, value) in enumerate(RATINGS):
        x, y = 60 + 780 * (k % 2), 286 + 104 * (k // 2)
        draw.text((x, y), name, ink, font(52))
        draw.text((x + 380, y), value, ink, font(56, "Bold"))
        draw.line((40, y + 92, 1560, y + 92), ink, 2)
    draw.text((60, 730), f"出厂编号  {serial}", ink, font(76, "Bold"))
    barcode(draw, rng, 60, 1120, 856, 990, ink)
    draw.text((1170, 850), "防触电 I类", ink, font(52))
    draw.text((1170, 925), "IPX4", ink, font(60, "Bold"))
    draw.text((60, 1010), f"制造日期 20{serial[5:7]}年{serial[7:9]}月   清禾电器（演示样机）", ink, font(52))
    scratches(draw, rng, (1600, 1130), paper)
    save(label, path)


def nameplate(rng, folder, serial):
    """The rating label on the side of the outdoor unit; its picture is written to `folder`."""
    draw_nameplate(rng, serial, folder / "label.png")
    out = header() + camera(rng, (0, 0, 0), pick(rng, -8, 10), -3, 25.5) + daylight(rng, (0, 0, 0)) + unit_skins(rng)
    gloss = rng.uniform(0.05, 0.4)
    out += "box { <-60, -60, 0>, <60, 60, 1> texture { Casing } }\n"
    out += f"box {{ <0, 0, 0>, <1, 1, 1> texture {{ pigment {{ image_map {{ png \"label.png\" interpolate 2 once }} }} finish {{ diffuse 0.78 specular {gloss:.3g} roughness 0.02 ambient 0 }} }} {grime(rng.uniform(0, 0.18), vec(*rng.uniform(-90, 90, 3)))} scale <16, 11.3, 0.04> rotate z * {rng.normal(0, 0.8):.3g} translate <-8, -5.65, -0.04> }}\n"
    edge = rng.uniform(10.5, 13.5)
    for k in range(9):
        out += f"box {{ {vec(-6, edge + 1.4 * k, -0.02)}, {vec(9, edge + 1.4 * k + 0.6, 0.2)} texture {{ Dark }} }}\n"
    out += f"box {{ <-60, {-edge - 1:.3g}, -0.05>, <60, {-edge - 0.8:.3g}, 0.2> texture {{ Dark }} }}\n"
    for x in (-12.5, 12.5):
        out += f"union {{ sphere {{ 0, 0.55 scale <1, 1, 0.5> }} box {{ <-0.4, -0.07, -0.32>, <0.4, 0.07, 0> texture {{ Dark }} rotate z * {rng.uniform(0, 90):.3g} }} texture {{ Zinc }} translate {vec(x + rng.normal(0, 0.4), -edge + 1.5, 0)} }}\n"
    return out


def indoor_light(rng):
    """A ceiling lamp and a window to one side."""
    warm = rng.uniform(0, 1)
    lamp = [0.5, 0.5 - 0.1 * warm, 0.5 - 0.24 * warm]
    side = pick(rng, -1, 1)
    power = rng.uniform(0.1, 0.6)
    return (
        f"sky_sphere {{ pigment {{ rgb {vec(*[c * 0.3 for c in lamp])} }} }}\n"
        f"light_source {{ {vec(rng.uniform(-120, 120), 70, rng.uniform(-260, -150))} rgb {vec(*lamp)} area_light x*40, z*40, 2, 2 jitter }}\n"
        f"light_source {{ {vec(side * 300, 0, -200)} rgb {vec(power * 0.9, power * 0.96, power)} area_light y*140, z*100, 2, 2 jitter }}\n"
    )


def indoor_level(rng, _defect):
    """The indoor unit high on a painted wall with a spirit level on its top."""
    out = header() + camera(rng, (0, 14, -8), -10, -6, 128) + indoor_light(rng)
    paint = tint(rng, pick(rng, (0.72, 0.71, 0.68), (0.66, 0.60, 0.50), (0.55, 0.62, 0.64), (0.62, 0.66, 0.58), (0.70, 0.62, 0.60)))
    out += f"box {{ <-600, -400, 0>, <600, 70, 20> pigment {{ rgb {vec(*paint)} }} normal {{ granite 0.06 scale 1.5 }} finish {{ diffuse 0.75 ambient 0 }} }}\n"
    ceiling = rng.uniform(44, 62)
    out += f"box {{ <-600, {ceiling:.4g}, -600>, <600, 80, 20> pigment {{ rgb 0.74 }} finish {{ diffuse 0.75 ambient 0 }} }}\n"
    if rng.random() < 0.6:
        out += f"box {{ <-600, {ceiling - 7:.4g}, -6>, <600, {ceiling:.4g}, 0> pigment {{ rgb 0.76 }} finish {{ diffuse 0.75 ambient 0 }} }}\n"
    white = vec(*tint(rng, (0.76, 0.76, 0.75), 0.008))
    skin = f"Paint({white}, 0.35)"
    out += f"object {{ Round_Box_Union(<-40, 2, -20>, <40, 29, 0>, 2.2) {skin} }} object {{ Round_Box_Union(<-39.8, -1, -19>, <39.8, 11, 0>, 2) {skin} }}\n"
    out += "box { <-37, 1.0, -19.15>, <37, 1.7, -15> texture { Dark } } box { <-39.9, 8.6, -20.25>, <39.9, 8.85, -19> texture { Dark } }\n"
    out += f"box {{ <22, 13, -20.08>, <29, 15.5, -19.9> pigment {{ rgb 0.1 }} }} box {{ <-5, 20, -20.06>, <5, 21.4, -19.9> pigment {{ rgb <0.15, 0.3, 0.45> }} }}\n"
    if rng.random() < 0.7:
        out += f"box {{ <-36, 12, -20.05>, <-28, 25, -19.9> pigment {{ rgb <0.2, 0.5, 0.7> }} }} box {{ <-35.4, 13, -20.07>, <-28.6, 20, -19.9> pigment {{ gradient y triangle_wave color_map {{ [0.4 rgb <0.75, 0.8, 0.3>] [0.6 rgb <0.8, 0.8, 0.8>] }} scale 2 }} }}\n"
    colour = vec(*pick(rng, (0.75, 0.55, 0.04), (0.7, 0.08, 0.05), (0.05, 0.2, 0.5), (0.5, 0.5, 0.52)))
    x = rng.uniform(-9, 9)
    out += f"union {{ difference {{ box {{ <-24, 29.05, -12>, <24, 34.5, -9.6> }} box {{ <-5, 32, -13>, <5, 36, -10.5> }} cylinder {{ <-18, 31.8, -13>, <-18, 31.8, -9>, 1.9 }} cylinder {{ <18, 31.8, -13>, <18, 31.8, -9>, 1.9 }} Paint({colour}, 0.3) }} "
    out += f"cylinder {{ <-3.6, 33, -11.6>, <3.6, 33, -11.6>, 0.9 pigment {{ rgb <0.55, 0.75, 0.12> }} finish {{ diffuse 0.8 specular 0.7 roughness 0.01 }} }} "
    out += f"sphere {{ 0, 1 scale <0.9, 0.5, 0.5> translate <{rng.normal(0, 0.15):.3g}, 33.3, -12.3> pigment {{ rgb <0.8, 0.9, 0.5> }} }} box {{ <-1.25, 31.9, -12.55>, <-1.13, 34, -11> texture {{ Dark }} }} box {{ <1.13, 31.9, -12.55>, <1.25, 34, -11> texture {{ Dark }} }} translate x * {x:.3g} }}\n"
    out += f"box {{ <39, 2, -7>, <{rng.uniform(75, 140):.4g}, 8.5, 0> Paint({white}, 0.2) }}\n" if rng.random() < 0.5 else wrapped(rng, [(38, 5, -5), (52, 4, -5), (62, 1, -4), (64, -2, 6)], 2.6, (0.74, 0.73, 0.70))
    y = rng.uniform(-32, -22)
    out += tube(spline([(38, 4, -3), (44, -6, -2), (49, y + 8, -3), (52, y, -4)], 0.9), 0.45, "Paint(<0.7, 0.7, 0.68>, 0.2)")
    out += f"object {{ Round_Box_Union({vec(47, y - 8, -1)}, {vec(57, y + 4, 0)}, 0.4) Paint(<0.76, 0.76, 0.75>, 0.3) }} object {{ Round_Box_Union({vec(50, y - 5, -4.5)}, {vec(54.5, y, -0.9)}, 0.6) Paint({white}, 0.2) }}\n"
    if rng.random() < 0.5:
        side = pick(rng, -1, 1)
        cloth = vec(*tint(rng, pick(rng, (0.5, 0.42, 0.34), (0.35, 0.42, 0.5), (0.6, 0.55, 0.5))))
        for k in range(9):
            out += f"cylinder {{ {vec(side * (60 + 5.5 * k), -400, -9)}, {vec(side * (60 + 5.5 * k), ceiling, -9)}, {rng.uniform(3.2, 4.6):.3g} Paint({cloth}, 0.05) }}\n"
    return out


def power_wiring(rng, _defect):
    """The open terminal box: cable cores under their screws, the earth wire on its own screw."""
    out = header() + camera(rng, (0, -2.5, -1), 6, 8, 33) + daylight(rng, (0, 0, 0)) + unit_skins(rng)
    out += "box { <-60, -60, 0>, <60, 60, 1> texture { Steel } }\nunion { box { <-14, 9.5, -4>, <14, 10, 0> } box { <-14, -40, -4>, <-13.5, 10, 0> } box { <13.5, -40, -4>, <14, 10, 0> } texture { Steel } }\n"
    out += f"box {{ <-60, 10, -6>, <60, 60, 0> texture {{ Casing }} }} box {{ <14, -60, -5>, <60, 60, 0> texture {{ Casing }} }}\n"
    y = 3 + rng.uniform(-0.6, 0.6)
    out += f"box {{ {vec(-5.4, y - 1.7, -1.8)}, {vec(7.4, y + 1.7, 0)} pigment {{ rgb {pick(rng, 0.03, 0.04, 0.65)} }} finish {{ diffuse 0.7 specular 0.2 }} }}\n"
    cores = [(0.03, 0.12, 0.5), (0.03, 0.03, 0.03), (0.6, 0.05, 0.04) if rng.random() < 0.4 else (0.3, 0.14, 0.05), (0.3, 0.14, 0.05)]
    base = rng.uniform(-1.5, 1.5)
    for k, colour in enumerate(cores):
        x = -4 + 3 * k + 0.4
        out += f"box {{ {vec(x + 1.35, y - 1.75, -2.5)}, {vec(x + 1.55, y + 1.75, 0)} pigment {{ rgb 0.05 }} }} box {{ {vec(x - 0.9, y - 1.2, -2)}, {vec(x + 0.9, y + 1.2, -1.7)} texture {{ Brass }} }}\n"
        out += f"union {{ cylinder {{ <0, 0, -2>, <0, 0, -2.7>, 0.72 }} box {{ <-0.6, -0.09, -2.74>, <0.6, 0.09, -2.6> texture {{ Dark }} }} box {{ <-0.09, -0.6, -2.74>, <0.09, 0.6, -2.6> texture {{ Dark }} }} rotate z * {rng.uniform(0, 90):.3g} translate {vec(x, y, 0)} texture {{ Zinc }} }}\n"
        bend = rng.uniform(-0.5, 0.5)
        out += tube(spline([(x, y - 0.6, -2.1), (x, y - 2, -2.3), (x * 0.6 + bend, y - 4.5, -2.8), (base + (k - 1.5) * 0.5, -7.5, -2.2), (base + (k - 1.5) * 0.25, -9.5, -1.8)], 0.25), 0.3, f"Paint({vec(*colour)}, 0.3)")
        out += f"cylinder {{ {vec(x, y - 0.4, -2.1)}, {vec(x, y - 1.5, -2.2)}, 0.38 Paint({vec(*pick(rng, (0.6, 0.06, 0.05), (0.05, 0.1, 0.5)))}, 0.3) }}\n"
    out += f"box {{ {vec(-5.2, y + 1.75, -1.9)}, {vec(7.2, y + 3.1, -0.1)} pigment {{ rgb 0.75 }} }}\n"
    for k, mark in enumerate(["N", "2", "3", "L"]):
        out += f"text {{ ttf \"cyrvetic.ttf\" \"{mark}\" 0.05, 0 scale 1.1 translate {vec(-4 + 3 * k, y + 2.05, -1.96)} pigment {{ rgb 0.02 }} }}\n"
    ground = [(-9.5, 0.5 + rng.uniform(-1, 1), -0.9), (-9.3, -2.5, -1.6), (-6 + base, -5.5, -2.6), (base - 0.9, -8, -2.3), (base - 0.4, -9.6, -1.8)]
    stripe = "texture { pigment { gradient y triangle_wave color_map { [0.5 rgb <0.62, 0.56, 0.03>] [0.5 rgb <0.03, 0.28, 0.06>] } rotate z * 35 scale 1.1 } finish { diffuse 0.75 specular 0.25 ambient 0 } }"
    out += tube(spline(ground, 0.25), 0.33, stripe)
    out += f"object {{ Bolt({rng.uniform(0, 60):.3g}, 0.2) scale 0.75 translate {vec(*ground[0][:2], -0.2)} }} torus {{ 0.8, 0.22 rotate x * 90 translate {vec(*ground[0][:2], -0.45)} texture {{ Brass }} }}\n"
    out += tube([(base, -9.2, -1.8), (base + rng.uniform(-1, 1), -14, -1.6), (base, -40, -1.6)], 1.05, "Paint(<0.035, 0.035, 0.035>, 0.2)")
    out += f"object {{ Round_Box_Union({vec(base - 2.8, -12.2, -3)}, {vec(base + 2.8, -10.7, -0.1)}, 0.3) Paint({vec(*pick(rng, (0.06, 0.06, 0.06), (0.7, 0.7, 0.68)))}, 0.2) }}\n"
    for x in (-2.2, 2.2):
        out += f"cylinder {{ {vec(base + x, -11.4, -3)}, {vec(base + x, -11.4, -3.4)}, 0.5 texture {{ Zinc }} }}\n"
    return out


def drain_pipe(rng, _defect):
    """The drain hose leaves the bundle and runs straight down the wall, clipped, to an open end."""
    out = header() + camera(rng, (0, -6, -3), -12, 0, 118) + daylight(rng, (0, 0, 0))
    x, hole = rng.uniform(-5, 5), 36 + rng.uniform(-3, 3)
    out += wall(rng, [(x + 6, hole, 3.6)]) + clutter(rng, -45, 45, -50, 45) + putty(rng, x + 6, hole, 4.2)
    colour = tint(rng, pick(rng, (0.76, 0.75, 0.70), (0.66, 0.60, 0.48)))
    out += wrapped(rng, [(x + 6, hole, 9), (x + 6, hole, -3), (x + 3, hole - 4, -6.5), (x - 12, hole - 9, -7), (x - 40, hole - 10, -8), (x - 120, hole - 11, -9)], 2.5, colour)
    drift, end = rng.uniform(-2.5, 2.5), rng.uniform(-42, -32)
    path = [(x + 1, hole - 5, -5), (x + 2.5, hole - 10, -4), (x + 2.8, hole - 22, -2), (x + 2 + drift * 0.5, 0, -1.5), (x + 2 + drift, end, -1.6), (x + 2 + drift * 1.1, end - 4, -3)]
    hose = tint(rng, pick(rng, (0.74, 0.74, 0.72), (0.6, 0.6, 0.6), (0.70, 0.66, 0.56)), 0.01)
    out += corrugated(path, rng.uniform(1.0, 1.25), hose)
    for share in (0.3, 0.62, 0.9):
        y = hole - 22 + share * (end + 3 - hole + 22)
        cx = x + 2.8 + (drift - 0.8) * min(1.0, max(0.0, (hole - 22 - y) / (hole - 22 - end)))
        out += f"union {{ box {{ {vec(cx - 2.8, y - 0.8, -0.35)}, {vec(cx + 2.8, y + 0.8, 0)} }} cylinder {{ {vec(cx, y - 0.8, -1.5)}, {vec(cx, y + 0.8, -1.5)}, 1.45 }} Paint({vec(*tint(rng, (0.74, 0.74, 0.72), 0.01))}, 0.25) }}\n"
    return out


def outdoor_unit_fixing(rng, _defect):
    """One foot of the outdoor unit close up: rubber pad, bolt, washers and nut on the bracket arm."""
    target = (-25, 1.5, -39)
    out = header() + camera(rng, target, -30, 17, 46) + daylight(rng, target)
    out += unit_skins(rng) + bracket_skin(rng, 0) + wall(rng) + clutter(rng, -48, 60, -70, -5) + "object { OutdoorUnit(Casing, Grille) }\n"
    for x in (-25, 25):
        out += f"union {{ object {{ Bracket(Coat) }} object {{ BracketJoints() }} object {{ Foot(Steel) }} "
        for y in (-7, -19, -31):
            out += f"object {{ Bolt({rng.uniform(0, 60):.3g}, {rng.uniform(0.6, 2.4):.3g}) translate <-0.1, {y}, -0.45> }} "
        out += f"translate {vec(x, 0, 0)} }}\n"
    return out + loose_hose(rng)


def environment(rng, _defect):
    """The wall before the work: window, ledge, pencil marks and a tape measure."""
    out = header() + camera(rng, (0, 0, -5), -8, 4, 225) + daylight(rng, (0, 0, 0)) + wall(rng) + clutter(rng, -40, 95, -40, 90)
    edge = -48 + rng.uniform(-8, 8)
    frame = vec(*pick(rng, (0.74, 0.74, 0.73), (0.25, 0.25, 0.26), (0.35, 0.22, 0.12)))
    out += f"union {{ box {{ {vec(edge - 6, -60, -4)}, {vec(edge, 95, 0)} }} box {{ {vec(edge - 120, -66, -5)}, {vec(edge, -60, 0)} }} box {{ {vec(edge - 120, 90, -4)}, {vec(edge, 95, 0)} }} box {{ {vec(edge - 66, -60, -3.4)}, {vec(edge - 60, 95, 0)} }} Paint({frame}, 0.3) }}\n"
    out += f"box {{ {vec(edge - 120, -60, -1.5)}, {vec(edge - 3, 92, -1)} pigment {{ rgb <0.03, 0.045, 0.05> }} finish {{ diffuse 0.4 specular 0.6 roughness 0.01 reflection 0.22 ambient 0 }} }}\n"
    ledge = -72 + rng.uniform(-8, 8)
    out += f"box {{ {vec(edge + 8, ledge - 9, -62)}, {vec(260, ledge, 0)} pigment {{ granite color_map {{ [0 rgb 0.34] [1 rgb 0.5] }} scale 20 }} normal {{ granite 0.3 scale 4 }} finish {{ diffuse 0.75 ambient 0 }} }}\n"
    x, y = 20 + rng.uniform(-8, 8), rng.uniform(5, 18)
    for dx in (0, 50):
        out += f"union {{ box {{ {vec(x + dx - 0.15, y - 14, -0.04)}, {vec(x + dx + 0.15, y + 14, 0)} }} box {{ {vec(x + dx - 4, y - 0.15, -0.04)}, {vec(x + dx + 4, y + 0.15, 0)} }} pigment {{ rgb {pick(rng, '0.05', '<0.5, 0.05, 0.04>', '<0.05, 0.1, 0.4>')} }} }}\n"
    tape = x + 25 + rng.uniform(-12, 12)
    out += f"box {{ {vec(tape - 1, -70, -0.5)}, {vec(tape + 1, y + 42, -0.35)} pigment {{ gradient y color_map {{ [0.06 rgb 0.02] [0.06 rgb <0.72, 0.58, 0.06>] }} scale 1 }} finish {{ diffuse 0.75 specular 0.3 ambient 0 }} }}\n"
    out += f"object {{ Round_Box_Union({vec(tape - 3.5, -72, -5)}, {vec(tape + 3.5, -64, -0.5)}, 1) Paint(<0.6, 0.3, 0.03>, 0.3) }}\n"
    return out
