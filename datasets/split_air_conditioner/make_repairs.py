"""Draws the past repairs from a stated process that differs from the expert's fault tree.

    python3 datasets/split_air_conditioner/make_repairs.py      # rewrites repairs.jsonl

Standard library only, seeded. What differs from `fault-tree.toml` (the same list stands in the card):

1. the weight of a cause is its expert probability × the lifts of LIFTS, by model, region, season and age;
2. one cause stands behind a row, in 8 % of the rows two;
3. a customer reports each symptom with his own habit (REPORT), not with the tree's probabilities; in winter a
   loss of cooling is reported as a loss of heating;
4. in 12 % of the tickets that need a part a wrong one was taken, of a cause with a symptom in common, and a second
   visit with the right one follows;
5. 30 % of the rows lack `cause`: every visit that did not fix the fault, and others by chance.
"""

import datetime
import fnmatch
import json
import pathlib
import random
import tomllib

HERE = pathlib.Path(__file__).parent
ROWS, SEED = 500, 20250301
MODELS = {"KFR-26GW/QH1": 0.38, "KFR-35GW/QH1": 0.42, "KFR-50GW/QH1": 0.20}
# GB/T 2260 county codes: (name, weight, coastal, hot summer)
REGIONS = {
    "110105": ("北京朝阳", 9, False, False), "310115": ("上海浦东", 10, True, True), "330106": ("杭州西湖", 8, False, True),
    "350203": ("厦门思明", 9, True, True), "370202": ("青岛市南", 8, True, False), "440305": ("深圳南山", 10, True, True),
    "420106": ("武汉武昌", 9, False, True), "510107": ("成都武侯", 8, False, False), "610113": ("西安雁塔", 7, False, True),
    "460105": ("海口秀英", 5, True, True), "500103": ("重庆渝中", 8, False, True), "210102": ("沈阳和平", 6, False, False),
    "130102": ("石家庄长安", 6, False, True),
}
# (cause, lift, condition on the row)
LIFTS = [
    ("condenser_leak", 8.0, lambda r: r["coastal"]),
    ("evaporator_leak", 3.0, lambda r: r["coastal"]),
    ("bracket_loose", 3.0, lambda r: r["coastal"]),
    ("terminal_burnt", 3.0, lambda r: r["coastal"]),
    ("outdoor_board_failed", 4.0, lambda r: r["model"] == "KFR-35GW/QH1"),
    ("fan_capacitor_weak", 5.0, lambda r: r["summer"] and r["hot"] and r["model"] != "KFR-50GW/QH1"),
    ("fan_capacitor_weak", 0.0, lambda r: r["model"] == "KFR-50GW/QH1"),
    ("outdoor_coil_dirty", 2.0, lambda r: r["month"] in (5, 6)),
    ("four_way_valve_stuck", 5.0, lambda r: r["winter"]),
    ("four_way_coil_open", 5.0, lambda r: r["winter"]),
    ("four_way_valve_stuck", 0.1, lambda r: r["summer"]),
    ("four_way_coil_open", 0.1, lambda r: r["summer"]),
    ("surge_on_mains", 0.0, lambda r: True),
    ("varistor_worn", 0.10, lambda r: not r["summer"]),
    ("varistor_worn", 0.25, lambda r: r["summer"]),
    ("flare_leak", 0.6, lambda r: r["age_years"] >= 2),
    ("flare_leak", 2.0, lambda r: r["age_years"] < 1),
    ("compressor_worn", 2.5, lambda r: r["age_years"] >= 4),
    ("filter_dirty", 0.4, lambda r: True),
    ("remote_battery_flat", 0.3, lambda r: True),
    ("router_changed", 0.4, lambda r: True),
    ("outdoor_ambient_sensor_failed", 0.5, lambda r: True),
]
# cause → what customers say of it and how often they do: (symptom, probability); then codes
REPORT = {
    "flare_leak": ([("weak_cooling", .6), ("not_cooling", .35), ("frost", .25)], [("F0", .35), ("E3", .3)]),
    "evaporator_leak": ([("weak_cooling", .5), ("not_cooling", .4), ("frost", .2)], [("F0", .4), ("E3", .25)]),
    "condenser_leak": ([("weak_cooling", .45), ("not_cooling", .5), ("stops_after_minutes", .15)], [("E3", .45), ("F0", .25)]),
    "refrigerant_undercharged": ([("weak_cooling", .8), ("frost", .3)], [("F0", .15)]),
    "stop_valve_not_open": ([("not_cooling", .85), ("outdoor_noise", .1)], [("F0", .6), ("E1", .2)]),
    "pipe_kinked": ([("weak_cooling", .7), ("frost", .3)], [("E3", .3)]),
    "air_in_system": ([("weak_cooling", .6), ("stops_after_minutes", .4)], [("E1", .6)]),
    "eev_coil_failed": ([("weak_cooling", .5), ("frost", .4)], [("E3", .3), ("E4", .3)]),
    "compressor_worn": ([("weak_cooling", .8), ("outdoor_noise", .3), ("not_heating", .2)], [("H7", .1)]),
    "compressor_seized": ([("not_cooling", .8), ("outdoor_not_running", .5)], [("LE", .7), ("E5", .2)]),
    "compressor_insulation_low": ([("trips_breaker", .9)], [("H5", .3)]),
    "overload_protector_open": ([("not_cooling", .6), ("outdoor_not_running", .4)], [("H3", .85)]),
    "four_way_valve_stuck": ([("not_heating", .95)], [("U7", .7)]),
    "four_way_coil_open": ([("not_heating", .95)], [("U7", .75)]),
    "filter_dirty": ([("weak_airflow", .6), ("weak_cooling", .5), ("frost", .1)], [("E8", .04)]),
    "indoor_coil_dirty": ([("weak_airflow", .6), ("bad_smell", .3), ("weak_cooling", .4)], [("E2", .1)]),
    "outdoor_coil_dirty": ([("weak_cooling", .7), ("stops_after_minutes", .4)], [("E1", .35), ("E8", .1)]),
    "outdoor_airflow_blocked": ([("stops_after_minutes", .6), ("weak_cooling", .5)], [("E1", .4)]),
    "indoor_fan_motor_failed": ([("indoor_fan_not_running", .75), ("indoor_noise", .25)], [("H6", .8)]),
    "indoor_blade_damaged": ([("indoor_noise", .85), ("weak_airflow", .3)], []),
    "outdoor_fan_motor_failed": ([("weak_cooling", .5), ("outdoor_not_running", .5), ("outdoor_noise", .2)], [("L3", .8), ("E1", .25)]),
    "fan_capacitor_weak": ([("weak_cooling", .5), ("stops_after_minutes", .55), ("outdoor_not_running", .35)], [("E1", .3), ("E4", .15)]),
    "outdoor_blade_damaged": ([("outdoor_noise", .9)], []),
    "louver_motor_failed": ([("louver_stuck", .9), ("indoor_noise", .25)], [("FC", .3)]),
    "indoor_board_failed": ([("no_power", .6), ("remote_no_response", .25), ("display_dark", .2)], [("E6", .3)]),
    "outdoor_board_failed": ([("not_cooling", .75), ("outdoor_not_running", .65)], [("E6", .55), ("H5", .2), ("EE", .05)]),
    "ipm_grease_dry": ([("stops_after_minutes", .8)], [("P8", .6), ("H5", .3)]),
    "reactor_open": ([("not_cooling", .7), ("outdoor_not_running", .5)], [("HC", .85)]),
    "display_board_failed": ([("display_dark", .6), ("remote_no_response", .6)], []),
    "wifi_module_failed": ([("wifi_offline", .98)], []),
    "router_changed": ([("wifi_offline", .98)], []),
    "indoor_fuse_blown": ([("no_power", .95)], []),
    "outdoor_fuse_blown": ([("not_cooling", .7), ("outdoor_not_running", .7)], [("E6", .8)]),
    "varistor_worn": ([("no_power", .7), ("trips_breaker", .3), ("burnt_smell", .3)], []),
    "comm_wire_loose": ([("not_cooling", .7), ("outdoor_not_running", .5)], [("E6", .85)]),
    "comm_wire_broken": ([("not_cooling", .7), ("outdoor_not_running", .5)], [("E6", .9)]),
    "terminal_burnt": ([("burnt_smell", .6), ("outdoor_not_running", .4), ("trips_breaker", .3)], [("E6", .4)]),
    "supply_voltage_low": ([("stops_after_minutes", .7)], [("PL", .4), ("E5", .3)]),
    "supply_voltage_high": ([("stops_after_minutes", .5)], [("PH", .8)]),
    "socket_no_power": ([("no_power", .98)], []),
    "breaker_undersized": ([("trips_breaker", .98)], []),
    "indoor_ambient_sensor_failed": ([("stops_after_minutes", .5), ("not_heating", .2)], [("F1", .9)]),
    "indoor_coil_sensor_failed": ([("stops_after_minutes", .6)], [("F2", .9)]),
    "outdoor_ambient_sensor_failed": ([("stops_after_minutes", .3)], [("F3", .95)]),
    "outdoor_coil_sensor_failed": ([("not_heating", .4)], [("F4", .9)]),
    "discharge_sensor_failed": ([("stops_after_minutes", .6)], [("F5", .8), ("E4", .1)]),
    "drain_hose_blocked": ([("indoor_water_leak", .98)], []),
    "drain_hose_damaged": ([("indoor_water_leak", .98)], []),
    "drain_slope_wrong": ([("indoor_water_leak", .98)], []),
    "drain_pan_cracked": ([("indoor_water_leak", .98)], []),
    "pipe_insulation_missing": ([("indoor_water_leak", .95)], []),
    "bracket_loose": ([("outdoor_noise", .95)], []),
    "indoor_mold": ([("bad_smell", .98)], []),
    "remote_battery_flat": ([("remote_no_response", .98)], []),
    "remote_failed": ([("remote_no_response", .98)], []),
}
OPENERS = ["", "", "用户反映", "客户说", "报修：", "来电称", "物业代报，", "用户着急，", "老客户，", "二楼住户说", "小孩房间的", "客厅这台"]
SINCE = ["", "昨晚开始", "用了两天就", "上个月起", "今早发现", "下雨以后", "装好没多久", "清洗过一次后仍", "一到中午就", "断断续续"]
CODE_SAYINGS = ["显示{}", "报{}", "屏上出{}", "代码{}", "跳{}"]
DENIED = {"weak_cooling": "漏水", "not_cooling": "异响", "indoor_water_leak": "结霜", "stops_after_minutes": "跳闸", "not_heating": "漏水"}
DENIED_ID = {"漏水": "indoor_water_leak", "异响": "indoor_noise", "结霜": "frost", "跳闸": "trips_breaker"}
FINDS = ["查为{}", "检查发现{}", "上门确认{}", "拆检：{}", "判断{}", "原因是{}", "测量后定为{}"]
DONES = ["更换{}，试机正常", "换{}后运行二十分钟正常", "已换{}，出风温度正常", "装{}，复检没有新代码", "换了{}，用户签字"]
NO_PARTS = ["处理后试机正常", "现场处理好，未换件", "调整后观察半小时正常", "清理后恢复", "紧固后恢复正常"]
UNKNOWN = ["", "原因没写", "师傅未填原因", "系统里没选原因"]


def pick(rng, weights):
    """One key of {key: weight}, drawn in proportion."""
    names = list(weights)
    return rng.choices(names, [weights[name] for name in names])[0]


def situation(rng):
    """Model, place, day and age of one visit; summer carries most of the tickets."""
    region = pick(rng, {code: row[1] for code, row in REGIONS.items()})
    month = pick(rng, dict(zip(range(1, 13), (6, 4, 3, 3, 7, 14, 20, 18, 9, 4, 4, 8))))
    year = rng.choice([2023, 2024])
    return {
        "model": pick(rng, MODELS), "region": region, "coastal": REGIONS[region][2], "hot": REGIONS[region][3], "month": month,
        "summer": month in (6, 7, 8), "winter": month in (12, 1, 2), "age_years": rng.randint(0, 5),
        "date": datetime.date(year, month, rng.randint(1, 28)),
    }


def weights_of(events, here):
    weights = {name: event["probability"] for name, event in events.items() if name in REPORT}
    for cause, lift, holds in LIFTS:
        if cause in weights and holds(here):
            weights[cause] *= lift
    return weights


def parts_for(event, parts, model):
    """The parts of a repair that fit the model; a KFR-50 has no fan capacitor, for example."""
    return [dict(repair) for repair in event["repaired_by"]
            if any(fnmatch.fnmatch(model, glob) for glob in parts[repair["part_number"]]["fits"])]


def report(rng, causes, model, here):
    """What the customer says: symptoms present, now and then one denied, and codes."""
    present, codes = [], []
    for cause in causes:
        said, shown = REPORT[cause]
        present += [symptom for symptom, chance in said if rng.random() < chance]
        codes += [code for code, chance in shown if rng.random() < chance and (code != "L3" or model == "KFR-50GW/QH1")]
    if not present and not codes:
        present = [REPORT[causes[0]][0][0][0]]
    if rng.random() < 0.03:
        present.append(rng.choice(["outdoor_noise", "bad_smell", "weak_airflow"]))
    if here["winter"]:
        present = ["not_heating" if symptom in ("weak_cooling", "not_cooling") else symptom for symptom in present]
    present = list(dict.fromkeys(present))
    denied = DENIED.get(present[0]) if present and rng.random() < 0.2 else None
    if denied and DENIED_ID[denied] in present:
        denied = None
    return present, denied, list(dict.fromkeys(codes))


def words(rng, tree, present, denied, codes, cause, used, parts, fixed):
    """The ticket as a network writes it: what the customer said, what was found, what was done."""
    phrases = {symptom["id"]: symptom["phrases"] for symptom in tree["symptom"]}
    said = "，".join(rng.choice(phrases[symptom]) for symptom in present)
    if denied:
        said += f"，不{denied}" if denied in ("漏水", "跳闸") else f"，没有{denied}"
    if codes:
        shown = rng.choice(CODE_SAYINGS).format("、".join(codes))
        said = f"{said}，{shown}" if said else shown
    found = rng.choice(FINDS).format(cause) if cause else rng.choice(UNKNOWN)
    names = "、".join(dict.fromkeys(parts[u["part_number"]]["name"].split(" ")[0] for u in used))
    done = (rng.choice(DONES).format(names) if names else rng.choice(NO_PARTS)) if fixed else f"换{names}后仍不行，需二次上门"
    pieces = [rng.choice(OPENERS) + rng.choice(SINCE) + said, found, done]
    return "。".join(piece for piece in pieces if piece) + "。"


def ticket(rng, number, tree, events, parts):
    """The row or rows of one ticket."""
    here = situation(rng)
    weights = weights_of(events, here)
    causes = [pick(rng, weights)]
    if rng.random() < 0.08:
        causes = list(dict.fromkeys(causes + [pick(rng, weights)]))
    present, denied, codes = report(rng, causes, here["model"], here)
    right = []
    for cause in causes:
        for part in parts_for(events[cause], parts, here["model"]):
            if part not in right:
                right.append(part)
    serial = f"QH{here['date'].year - here['age_years']:04d}{rng.randint(1, here['date'].month):02d}{rng.randint(0, 999999):06d}"
    base = {"ticket_id": f"R{here['date']:%y%m%d}-{number:04d}"}
    visits = [(here["date"], right, True)]
    if right and rng.random() < 0.12:
        similar = [n for n in events if n in REPORT and n not in causes and set(dict(REPORT[n][0])) & set(present)]
        wrong = [p for n in similar for p in parts_for(events[n], parts, here["model"])]
        if wrong:
            visits = [(here["date"], [rng.choice(wrong)], False),
                      (here["date"] + datetime.timedelta(days=rng.randint(1, 5)), right, True)]
    rows = []
    for visit, (day, used, fixed) in enumerate(visits, 1):
        row = dict(base, visit=visit, product_line="split_air_conditioner", brand="qinghe", model=here["model"], serial=serial)
        row["symptoms"] = [{"id": symptom, "present": True} for symptom in present]
        if denied:
            row["symptoms"].append({"id": DENIED_ID[denied], "present": False})
        row["fault_codes"], row["parts_used"] = codes, used
        known = fixed and rng.random() < KNOWN
        if known:
            row["cause"] = causes[0]
        row["text"] = words(rng, tree, present, denied, codes, events[causes[0]]["name"] if known else None, used, parts, fixed)
        row["fixed"], row["region"], row["date"] = fixed, here["region"], day.isoformat()
        rows.append(row)
    return rows


# Of the visits that fixed the fault; a visit that did not never states a cause. Chosen so that 30 % of all rows lack one.
KNOWN = 0.75


def main():
    tree = tomllib.loads((HERE / "fault-tree.toml").read_text(encoding="utf-8"))
    parts = {part["part_number"]: part for part in tomllib.loads((HERE / "bom.toml").read_text(encoding="utf-8"))["part"]}
    events = {event["id"]: event for event in tree["event"]}
    rng, rows, number = random.Random(SEED), [], 0
    while len(rows) < ROWS:
        number += 1
        rows += ticket(rng, number, tree, events, parts)
    rows = sorted(rows[:ROWS], key=lambda row: (row["date"], row["ticket_id"], row["visit"]))
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (HERE / "repairs.jsonl").write_text(text, encoding="utf-8")
    print(f"{len(rows)} rows, {sum('cause' not in row for row in rows)} without a cause")


if __name__ == "__main__":
    main()
