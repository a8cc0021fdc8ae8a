"""The world from which the past repairs of the split air conditioner are drawn; what each table means stands in `../draw_repairs.py`.

It differs from `fault-tree.toml` on purpose; the same list stands in the card.
"""

PRODUCT_LINE, BRAND, SERIAL = "split_air_conditioner", "qinghe", "QH"
ROWS, SEED = 500, 20250301
YEARS, AGES = [2023, 2024], (0, 5)
MODELS = {"KFR-26GW/QH1": 0.38, "KFR-35GW/QH1": 0.42, "KFR-50GW/QH1": 0.20}
# GB/T 2260 county codes: (name, weight, what the place is like)
REGIONS = {
    "110105": ("北京朝阳", 9, ""), "310115": ("上海浦东", 10, "coastal hot"), "330106": ("杭州西湖", 8, "hot"),
    "350203": ("厦门思明", 9, "coastal hot"), "370202": ("青岛市南", 8, "coastal"), "440305": ("深圳南山", 10, "coastal hot"),
    "420106": ("武汉武昌", 9, "hot"), "510107": ("成都武侯", 8, ""), "610113": ("西安雁塔", 7, "hot"),
    "460105": ("海口秀英", 5, "coastal hot"), "500103": ("重庆渝中", 8, "hot"), "210102": ("沈阳和平", 6, ""),
    "130102": ("石家庄长安", 6, "hot"),
}
# Tickets by month, January first: summer carries most.
MONTHS = (6, 4, 3, 3, 7, 14, 20, 18, 9, 4, 4, 8)
# (cause, lift, condition on the row)
LIFTS = [
    ("condenser_leak", 8.0, lambda r: "coastal" in r["place"]),
    ("evaporator_leak", 3.0, lambda r: "coastal" in r["place"]),
    ("bracket_loose", 3.0, lambda r: "coastal" in r["place"]),
    ("terminal_burnt", 3.0, lambda r: "coastal" in r["place"]),
    ("outdoor_board_failed", 4.0, lambda r: r["model"] == "KFR-35GW/QH1"),
    ("fan_capacitor_weak", 5.0, lambda r: r["summer"] and "hot" in r["place"] and r["model"] != "KFR-50GW/QH1"),
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
# symptom said → (symptom denied with it, in which words)
DENIED = {
    "weak_cooling": ("indoor_water_leak", "不漏水"), "not_cooling": ("indoor_noise", "没有异响"), "indoor_water_leak": ("frost", "没有结霜"),
    "stops_after_minutes": ("trips_breaker", "不跳闸"), "not_heating": ("indoor_water_leak", "不漏水"),
}
# Symptoms that have nothing to do with the cause; symptoms that are reported as another under a condition.
STRAY = ["outdoor_noise", "bad_smell", "weak_airflow"]
SAID_INSTEAD = [(("weak_cooling", "not_cooling"), "not_heating", lambda r: r["winter"])]
FINDS = ["查为{}", "检查发现{}", "上门确认{}", "拆检：{}", "判断{}", "原因是{}", "测量后定为{}"]
DONES = ["更换{}，试机正常", "换{}后运行二十分钟正常", "已换{}，出风温度正常", "装{}，复检没有新代码", "换了{}，用户签字"]
NO_PARTS = ["处理后试机正常", "现场处理好，未换件", "调整后观察半小时正常", "清理后恢复", "紧固后恢复正常"]
UNKNOWN = ["", "原因没写", "师傅未填原因", "系统里没选原因"]
FAILED = ["换{}后仍不行，需二次上门"]
# Of the visits that fixed the fault these state a cause; a visit that did not never does. Chosen so that 30 % of all rows lack one.
KNOWN = 0.75
