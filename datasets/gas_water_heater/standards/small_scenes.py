"""The checkpoints with a handful of good photos: rating plate, CO reading, socket, water side, wall plate, flue outdoors."""

from PIL import Image, ImageDraw

from indoors import indoor_wall, room_clutter, room_light, socket
from labels import barcode, blank, font, save, scratches
from scenes import FLUE, PARTS, gas_hose, gas_supply, heater_skins, joint, paint, pipe, water_pipe
from site_parts import camera, clutter, corrugated, daylight, grime, header, pick, putty, spline, tint, tube, vec, wall

# What the service manual 2025, chapter 1, says of each model.
RATINGS = {
    "JSQ26-XQ5": ("强制排气式", "26kW", "13L/min", "0.025~0.8MPa", "38W", "12.5kg"),
    "JSG32-XQ5": ("强制给排气式", "32kW", "16L/min", "0.03~0.8MPa", "45W", "16kg"),
    "JSLQ36-XQ5": ("冷凝强制排气式", "36kW", "20L/min", "0.04~0.8MPa", "62W", "21.5kg"),
}
SHEET = (1600, 1130)


def random_serial(rng):
    """Serial number: XQ, year and month of making, running number."""
    return f"XQ20{rng.integers(22, 26)}{rng.integers(1, 13):02}{rng.integers(0, 1_000_000):06}"


def draw_nameplate(rng, model, serial, path):
    """The printed rating plate, a little faded and scratched."""
    paper, ink = pick(rng, (236, 236, 232), (205, 207, 208), (230, 230, 224)), pick(rng, (20, 20, 24), (25, 30, 60))
    kind, load, flow, water, power, mass = RATINGS[model]
    label, draw = blank(SHEET, paper, ink)
    draw.text((60, 36), "煦泉 XUQUAN", ink, font(66, "Bold"))
    draw.text((720, 48), "家用燃气快速热水器", ink, font(64, "Bold"))
    draw.text((60, 136), f"型号  {model}", ink, font(92, "Bold"))
    draw.line((40, 268, 1560, 268), ink, 4)
    rows = [
        ("燃气种类", "天然气 12T"), ("额定燃气压力", "2000Pa"), ("额定热负荷", load), ("产热水能力", flow),
        ("适用水压", water), ("给排气方式", kind), ("电源/功率", f"220V~ {power}"), ("净重", mass),
    ]
    for k, (name, value) in enumerate(rows):
        x, y = 60 + 780 * (k % 2), 286 + 100 * (k // 2)
        draw.text((x, y), name, ink, font(52))
        draw.text((x + 340, y), value, ink, font(54, "Bold"))
        draw.line((40, y + 88, 1560, y + 88), ink, 2)
    draw.text((60, 704), f"出厂编号  {serial}", ink, font(92, "Bold"))
    barcode(draw, rng, 60, 1120, 856, 990, ink)
    draw.text((1170, 850), "防触电 I类", ink, font(52))
    draw.text((1170, 925), "IPX4", ink, font(60, "Bold"))
    draw.text((60, 1010), f"制造日期 {serial[2:6]}年{serial[6:8]}月   煦泉电器（演示样机）", ink, font(52))
    scratches(draw, rng, SHEET, paper)
    save(label, path)


def sticker(rng, path):
    """The yellow sticker that warns of the kind of gas."""
    image = Image.new("RGB", (600, 420), pick(rng, (238, 196, 30), (240, 210, 60), (236, 120, 40)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((14, 14, 585, 405), outline=(20, 20, 20), width=8)
    draw.text((300, 120), "天然气 12T", (20, 20, 20), font(96, "Bold"), anchor="mm")
    draw.text((300, 235), "严禁使用液化石油气", (20, 20, 20), font(54), anchor="mm")
    draw.text((300, 325), "严禁安装在浴室内", (160, 20, 20), font(58, "Bold"), anchor="mm")
    save(image, path)


def detector(rng, path):
    """Front of a hand-held CO detector that reads zero."""
    shell = pick(rng, (226, 120, 24), (238, 190, 30), (60, 64, 70), (40, 90, 60))
    image = Image.new("RGB", (550, 1200), shell)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((40, 60, 510, 1140), 40, fill=(34, 36, 40))
    draw.text((275, 135), "CO 检测仪", (230, 230, 230), font(70, "Bold"), anchor="mm")
    draw.rounded_rectangle((70, 200, 480, 540), 20, fill=pick(rng, (168, 190, 160), (190, 200, 190), (120, 190, 220)))
    draw.text((250, 365), "0", (16, 20, 16), font(260, "Bold"), anchor="mm")
    draw.text((440, 470), "ppm", (16, 20, 16), font(56, "Bold"), anchor="rm")
    draw.text((90, 235), "CO", (16, 20, 16), font(52, "Bold"), anchor="lm")
    for k, colour in enumerate(((40, 200, 80), (90, 60, 20), (90, 20, 20))):
        draw.ellipse((130 + 120 * k, 585, 175 + 120 * k, 630), fill=colour)
    for k in range(3):
        draw.rounded_rectangle((90 + 130 * k, 690, 200 + 130 * k, 790), 24, fill=(90, 94, 100))
    for k in range(6):
        draw.rectangle((150, 870 + 36 * k, 400, 884 + 36 * k), fill=(12, 12, 14))
    save(image, path)


def printed(name, low, high, depth, gloss, more=""):
    """A picture on the front of a thin box."""
    width, height = high[0] - low[0], high[1] - low[1]
    return (
        f"box {{ 0, 1 texture {{ pigment {{ image_map {{ png \"{name}\" interpolate 2 once }} }} "
        f"finish {{ diffuse 0.78 specular {gloss:.3g} roughness 0.02 ambient 0 }} }} {more} scale {vec(width, height, depth)} translate {vec(low[0], low[1], -depth)} }}\n"
    )


def side_panel(rng):
    """The painted side of the heater, with its louvres and screws."""
    out = heater_skins(rng) + "box { <-60, -90, 0>, <60, 90, 1> texture { Front } }\n"
    edge = rng.uniform(9.5, 12.5)
    for k in range(8):
        out += f"box {{ {vec(-7, edge + 1.5 * k, -0.02)}, {vec(7, edge + 1.5 * k + 0.65, 0.2)} texture {{ Dark }} }}\n"
    out += f"box {{ <-60, {-edge - 2:.3g}, -0.03>, <60, {-edge - 1.8:.3g}, 0.2> texture {{ Dark }} }}\n"
    for x in (-13, 13):
        out += f"object {{ Screw(0.55) rotate z * {rng.uniform(0, 90):.3g} translate {vec(x + rng.normal(0, 0.4), -edge + 0.6, 0)} }}\n"
    return out


def gas_type(rng, _defect, folder, serial):
    """The rating plate before the work, with the sticker that names the gas."""
    draw_nameplate(rng, pick(rng, *RATINGS), serial, folder / "label.png")
    sticker(rng, folder / "sticker.png")
    out = header(PARTS) + camera(rng, (0, -1.6, 0), pick(rng, -8, 10), -3, 28) + room_light(rng, (0, 0, 0)) + side_panel(rng)
    out += printed("label.png", (-8, -5.65), (8, 5.65), 0.04, rng.uniform(0.05, 0.35), grime(rng.uniform(0, 0.15), vec(*rng.uniform(-90, 90, 3))))
    x = rng.uniform(-7, 1)
    return out + printed("sticker.png", (x, -10.4), (x + 6, -6.2), 0.03, 0.3)


def co_reading(rng, _defect, folder, serial):
    """A CO detector that reads zero, held beside the rating plate."""
    draw_nameplate(rng, "JSQ26-XQ5", serial, folder / "label.png")
    detector(rng, folder / "detector.png")
    out = header(PARTS) + camera(rng, (0, 0, -1), pick(rng, -6, 8), -2, 32.5) + room_light(rng, (0, 0, 0)) + side_panel(rng)
    out += printed("label.png", (-11, -5.4), (4.3, 5.4), 0.04, rng.uniform(0.05, 0.35))
    x, y, lean = 6 + rng.uniform(0, 0.8), rng.uniform(-2, 1.5), rng.uniform(0.6, 1.6)
    out += f"union {{ object {{ Round_Box_Union(<0, -6, 0>, <5.5, 6, 2.6>, 0.5) Paint(<0.1, 0.1, 0.1>, 0.2) }} {printed('detector.png', (0.1, -5.9), (5.4, 5.9), 0.03, 0.25)} "
    out += f"rotate z * {rng.normal(0, 4):.3g} translate {vec(x, y, -2.6 - lean)} }}\n"
    strap = [(x + 2.7, y - 5.9, -2 - lean), (x + 2, y - 8, -2.5 - lean), (x + 3.6, y - 11, -2.2), (x + 2.4, y - 18, -1.6)]
    return out + tube(spline(strap, 0.5), 0.22, "texture { Rubber }")


def power_socket(rng, _defect):
    """The heater's plug with its leakage breaker in a socket beside the heater, well away from below it."""
    side = pick(rng, -1, 1)
    at = (side * rng.uniform(50, 62), rng.uniform(4, 30))
    target = (side * 40, 10, -6)
    out = header(PARTS) + camera(rng, target, -5 * side, 1, 104) + room_light(rng, target)
    out += heater_skins(rng) + indoor_wall(rng) + "object { Heater(Front, Trim) }\n"
    out += socket(rng, *at)
    if rng.random() < 0.4:
        out += socket(rng, at[0] + 9.2, at[1])
    shell = pick(rng, (0.74, 0.74, 0.72), (0.04, 0.04, 0.04), (0.5, 0.5, 0.5))
    x, y = at[0], at[1] - 0.6
    out += (
        f"union {{ object {{ Round_Box_Union({vec(x - 2.4, y - 5.2, -4.8)}, {vec(x + 2.4, y + 2.4, -0.9)}, 0.6) {paint(shell, 0.3)} }} "
        f"box {{ {vec(x - 1.4, y + 0.4, -4.95)}, {vec(x - 0.2, y + 1.4, -4.6)} Paint(<0.1, 0.4, 0.15>, 0.3) }} box {{ {vec(x + 0.2, y + 0.4, -4.95)}, {vec(x + 1.4, y + 1.4, -4.6)} Paint(<0.6, 0.3, 0.03>, 0.3) }} "
        f"sphere {{ {vec(x, y - 1, -4.75)}, 0.25 pigment {{ rgb <0.7, 0.08, 0.05> }} finish {{ emission 0.5 diffuse 0.6 }} }} box {{ {vec(x - 1.3, y - 3.6, -4.86)}, {vec(x + 1.3, y - 2.2, -4.6)} pigment {{ rgb 0.6 }} }} }}\n"
    )
    low = min(y - 12, -rng.uniform(4, 12))
    cable = [(side * 12, 0.5, -6), (side * 12.5, -3, -5), (side * 20, low, -2.5), (side * 36, low - rng.uniform(0, 6), -1), (x - side * 5, (low + y) / 2 - 3, -1.6), (x, y - 7.5, -2.8), (x, y - 5, -2.8)]
    out += tube(spline(cable, 0.8), 0.42, paint(shell if shell[0] < 0.6 else (0.68, 0.68, 0.66)))
    for dx in (-9, 0, 9):
        out += f"object {{ Thread(1.05, 2.6) texture {{ Brass }} translate {vec(dx, -2.4, -8)} }}\n"
    out += gas_hose(rng, None, (0.5, -24, -3.2), (0, 1, 0), (0, -2.4, -8)) + f"cylinder {{ <0.5, -24, -3.2>, <0.5, -200, -3.2>, 1.07 texture {{ Zinc }} }}\n"
    return out + water_pipe(rng, -9, (0.55, 0.05, 0.04)) + water_pipe(rng, 9, (0.05, 0.16, 0.5))


def water_and_relief(rng, _defect):
    """The cold inlet with strainer and ball valve, and the relief valve with its outlet free."""
    target = (6, -12, -7)
    out = header(PARTS) + camera(rng, target, 3, 0, 46) + room_light(rng, target)
    out += heater_skins(rng) + indoor_wall(rng) + room_clutter(rng, -20, 32, -34, 0, [1]) + "object { Heater(Front, Trim) }\n"
    for dx in (-9, 0, 9):
        out += f"object {{ Thread(1.05, 2.6) texture {{ Brass }} translate {vec(dx, -2.4, -8)} }}\n"
    outlet, towards, supply = gas_supply(rng, None)
    out += supply + gas_hose(rng, None, outlet, towards, (0, -2.4, -8)) + water_pipe(rng, -9, (0.55, 0.05, 0.04))
    metal = pick(rng, "Brass", "Chrome")
    out += (
        f"union {{ object {{ HexNut(1.6, 1.9) translate y * -4.1 }} cylinder {{ y * -4, y * -9, 1.25 }} object {{ HexNut(1.7, 1.2) translate y * -9.2 }} "
        f"union {{ cylinder {{ 0, y * -3.6, 1.1 }} object {{ HexNut(1.35, 1.1) translate y * -4.4 }} rotate x * {rng.uniform(42, 52):.3g} rotate y * {rng.uniform(-60, 40):.3g} translate y * -6 }} "
        f"texture {{ {metal} }} translate <9, 0, -8> }}\n"
    )
    grip = vec(*tint(rng, pick(rng, (0.05, 0.16, 0.5), (0.05, 0.16, 0.5), (0.05, 0.35, 0.12)), 0.02))
    out += f"object {{ BallValve({metal}, {grip}, {pick(rng, 0, 180)}, {int(rng.integers(2))}) rotate y * {rng.normal(0, 12):.3g} translate <9, -15.6, -8> }}\n"
    end = [(9, -15.4, -8), (9, -20, -8), (9 + rng.uniform(-2, 3), -28, -6), (9 + rng.uniform(-2, 3), -60, -4)]
    out += tube(spline(end, 0.6), 0.72, "texture { Braid }") if rng.random() < 0.5 else corrugated(end, 0.85, None, "texture { Stainless }", 0.27, 0.86)
    # The relief valve in front of the inlets; a clear tube may lead its water away, its end open.
    x, z = 4.8 + rng.uniform(-0.4, 0.4), -12
    out += (
        f"union {{ cylinder {{ 0, y * -2, 0.7 }} object {{ HexNut(1.0, 1.0) translate y * -2.4 }} cylinder {{ y * -2, y * -4.4, 0.8 }} "
        f"cylinder {{ <0, -3.4, 0>, <0, -3.4, -1.8>, 0.6 }} cylinder {{ <0, -3.4, -1.8>, <0, -3.4, -2.4>, 0.95 pigment {{ rgb {pick(rng, '<0.6, 0.06, 0.04>', '0.75', '0.05')} }} }} "
        f"difference {{ cylinder {{ y * -4.4, y * -5.6, 0.5 }} cylinder {{ y * -5, y * -6, 0.34 texture {{ Dark }} }} }} texture {{ Brass }} translate {vec(x, 0.3, z)} }}\n"
    )
    if rng.random() < 0.55:
        hang = [(x, -5, z), (x, -8, z), (x + rng.uniform(-0.6, 0.6), -14, z - 0.4), (x + rng.uniform(-2, 2), -rng.uniform(20, 26), z + 1), (x + rng.uniform(-2, 2), -60, z + 2)]
        out += tube(spline(hang, 0.6), 0.62, "texture { pigment { rgb <0.66, 0.67, 0.66> } finish { diffuse 0.6 specular 0.7 roughness 0.01 ambient 0 } }")
    return out


def wall_fixing(rng, _defect):
    """The wall plate above the heater's back edge, on expansion bolts."""
    target = (0, 4, -5)
    top = rng.uniform(44, 66) if rng.random() < 0.5 else None
    out = header(PARTS) + camera(rng, target, pick(rng, -14, 14), 16, 62) + room_light(rng, target, top)
    out += heater_skins(rng) + indoor_wall(rng, None, top) + room_clutter(rng, -30, 30, 8, 28)
    out += "object { Heater(Front, Trim) translate y * -55 }\n"
    half, rise = rng.uniform(10.5, 13), rng.uniform(4.2, 5.4)
    out += (
        f"union {{ object {{ Round_Box_Union({vec(-half, -3, -0.9)}, {vec(half, rise, -0.5)}, 0.18) }} box {{ {vec(-half, rise - 0.5, -2.2)}, {vec(half, rise - 0.2, -0.5)} }} "
        f"box {{ {vec(-half, -1.2, -2)}, {vec(half, 0.4, -0.6)} }} texture {{ Zinc }} }}\n"
    )
    for x in (-half + 2, half - 2):
        y = rise / 2 + rng.uniform(-0.2, 0.3)
        out += f"object {{ Bolt({rng.uniform(0, 60):.3g}, {rng.uniform(0.5, 1.8):.3g}) scale 0.85 translate {vec(x, y, -0.9)} }}\n"
    out += f"object {{ Collar({FLUE}) translate <0, 0, -8> }}\n" + pipe((0, 1.5, -8), (0, 70, -8), FLUE) + joint(rng, (0, 3.4, -8), (0, 1, 0), False)
    return out


def flue_terminal(rng, _defect):
    """Outdoors: the flue ends 5–10 cm in front of the wall under a cap, the gap around it filled."""
    target = (0, -1, -4)
    out = header(PARTS) + camera(rng, target, pick(rng, -26, 26), -9, 47) + daylight(rng, target)
    out += wall(rng) + clutter(rng, -30, 30, -28, 26)
    length = rng.uniform(7.5, 10)
    out += f"union {{ {pipe((0, 0, 2), (0, 0, -length), FLUE)} "
    if rng.random() < 0.5:
        # A cap with slots round it.
        slots = " ".join(f"box {{ <-0.45, {FLUE}, {-length - 1.2:.3g}>, <0.45, {FLUE + 2}, {-length + 1.6:.3g}> rotate z * {k * 30} }}" for k in range(12))
        out += f"difference {{ cylinder {{ z * {-length + 2.4:.3g}, z * {-length - 2:.3g}, {FLUE + 0.5} }} {slots} texture {{ Stainless }} }} cylinder {{ z * {-length + 2:.3g}, z * {-length - 1.6:.3g}, {FLUE - 0.2} texture {{ Dark }} }} "
    else:
        # A bend that looks down, with an open mouth.
        out += f"difference {{ union {{ sphere {{ z * {-length:.3g}, {FLUE + 0.12} }} cylinder {{ z * {-length:.3g}, <0, -5.5, {-length:.3g}>, {FLUE + 0.12} }} }} cylinder {{ <0, -3, {-length:.3g}>, <0, -7, {-length:.3g}>, {FLUE - 0.1} texture {{ Dark }} }} texture {{ Stainless }} }} "
    out += f"rotate x * -1.2 rotate z * {rng.normal(0, 5):.3g} }}\n"
    if rng.random() < 0.5:
        return out + putty(rng, 0, 0, 3.9)
    ring = FLUE + rng.uniform(2, 3.2)
    bead = tint(rng, (0.7, 0.7, 0.68), 0.02)
    return out + f"cylinder {{ z * -0.5, 0, {ring:.3g} texture {{ Stainless }} }} torus {{ {ring:.3g}, 0.35 rotate x * 90 translate z * -0.1 {paint(bead, 0.1)} }} torus {{ {FLUE + 0.15}, 0.35 rotate x * 90 translate z * -0.5 {paint(bead, 0.1)} }}\n"
