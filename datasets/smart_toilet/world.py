"""The world from which the past repairs of the smart toilet are drawn; what each table means stands in `../draw_repairs.py`.

It differs from `fault-tree.toml` on purpose; the same list stands in the card.
"""

PRODUCT_LINE, BRAND, SERIAL = "smart_toilet", "yunhuan", "YH"
ROWS, SEED = 500, 20250601
YEARS, AGES = [2023, 2024], (0, 4)
T660, T460, G280 = "YH-T660", "YH-T460", "YH-G280"
MODELS = {T660: 0.34, T460: 0.36, G280: 0.30}
# GB/T 2260 county codes: (name, weight, what the place is like). `hard`: hard water; `sandy`: old mains that bring sand;
# `high`: many towers with weak pressure at the top; `cold`: unheated houses freeze; `damp`: bathrooms that never dry.
REGIONS = {
    "110108": ("北京海淀", 9, "hard"), "310104": ("上海徐汇", 9, "damp"), "330108": ("杭州滨江", 8, "high damp"),
    "350205": ("厦门海沧", 6, "damp"), "440106": ("广州天河", 10, "damp high"), "420111": ("武汉洪山", 8, "sandy"),
    "510104": ("成都锦江", 8, "damp"), "610112": ("西安未央", 7, "hard sandy"), "130102": ("石家庄长安", 7, "hard"),
    "370102": ("济南历下", 7, "hard"), "210102": ("沈阳和平", 6, "cold sandy"), "500112": ("重庆渝北", 8, "high damp"),
    "140105": ("太原小店", 5, "hard"), "320508": ("苏州姑苏", 7, ""),
}
# Tickets by month, January first: the cold months carry most, people miss a warm seat and warm water.
MONTHS = (14, 11, 8, 6, 5, 6, 8, 7, 6, 7, 9, 13)
# (cause, lift, condition on the row)
LIFTS = [
    ("tank_scaled", 0.0, lambda r: r["model"] != G280),
    ("float_stuck", 0.0, lambda r: r["model"] != G280),
    ("tank_not_filled", 0.0, lambda r: r["model"] != G280 or r["age_years"] >= 1),
    ("seat_plate_loose", 0.0, lambda r: r["model"] != G280),
    ("damper_worn", 0.0, lambda r: r["model"] == T660),
    ("flow_meter_failed", 0.0, lambda r: r["model"] == G280),
    ("inlet_sensor_failed", 0.0, lambda r: r["model"] == G280),
    ("deodorizer_fan_failed", 0.0, lambda r: r["model"] == G280),
    ("deodorizer_cartridge_spent", 0.0, lambda r: r["model"] == G280),
    ("lid_motor_failed", 0.0, lambda r: r["model"] == G280),
    ("lid_too_close", 0.0, lambda r: r["model"] == G280),
    ("kick_sensor_dirty", 0.0, lambda r: r["model"] == G280),
    ("kick_sensor_failed", 0.0, lambda r: r["model"] == G280),
    ("flange_seal_failed", 0.0, lambda r: r["model"] == G280),
    ("base_loose", 0.0, lambda r: r["model"] == G280),
    ("drain_clogged", 0.0, lambda r: r["model"] == G280),
    ("drain_poorly_vented", 0.0, lambda r: r["model"] == G280),
    ("flush_diaphragm_worn", 0.0, lambda r: r["model"] == G280),
    ("ring_motor_failed", 0.0, lambda r: r["model"] != T660),
    ("booster_pump_failed", 0.0, lambda r: r["model"] != T660),
    ("fill_valve_failed", 0.0, lambda r: r["model"] != T660),
    ("tank_level_switch_failed", 0.0, lambda r: r["model"] != T660),
    ("rim_valve_failed", 0.0, lambda r: r["model"] != T660),
    ("foam_pump_failed", 0.0, lambda r: r["model"] != T660),
    ("wifi_module_failed", 0.0, lambda r: r["model"] != T660),
    ("router_changed", 0.0, lambda r: r["model"] != T660),
    ("flush_valve_failed", 0.0, lambda r: r["model"] != T460),
    ("wrong_angle_valve", 0.0, lambda r: r["model"] != T460),
    ("water_pressure_low", 0.1, lambda r: r["model"] != T460),
    ("water_pressure_low", 3.0, lambda r: r["model"] == T460 and "high" in r["place"]),
    ("wrong_angle_valve", 3.0, lambda r: r["model"] == T460 and r["age_years"] < 1),
    ("heater_leaking_current", 5.0, lambda r: "hard" in r["place"] and r["age_years"] >= 2),
    ("heater_open", 2.5, lambda r: "hard" in r["place"]),
    ("tank_scaled", 4.0, lambda r: "hard" in r["place"] and r["age_years"] >= 1),
    ("nozzle_scaled", 2.0, lambda r: "hard" in r["place"]),
    ("divider_failed", 2.5, lambda r: "hard" in r["place"]),
    ("inlet_filter_clogged", 2.5, lambda r: "sandy" in r["place"]),
    ("inlet_filter_torn", 2.5, lambda r: "sandy" in r["place"]),
    ("wash_valve_leaking", 3.0, lambda r: "sandy" in r["place"]),
    ("flush_diaphragm_worn", 3.0, lambda r: "sandy" in r["place"]),
    ("flush_valve_failed", 3.0, lambda r: "sandy" in r["place"]),
    ("frozen", 20.0, lambda r: "cold" in r["place"] and r["winter"]),
    ("frozen", 0.0, lambda r: not r["winter"]),
    ("main_board_wet", 3.0, lambda r: "damp" in r["place"] and r["summer"]),
    ("occupancy_sensor_wet", 2.0, lambda r: "damp" in r["place"]),
    ("seat_heater_open", 2.5, lambda r: r["winter"]),
    ("seat_heater_open", 0.3, lambda r: r["summer"]),
    ("seat_sensor_failed", 2.0, lambda r: r["model"] == T460 and r["made_year"] == 2021),
    ("booster_pump_failed", 5.0, lambda r: r["made_year"] == 2022),
    ("occupancy_sensor_failed", 2.5, lambda r: r["model"] == G280),
    ("leakage_plug_failed", 3.0, lambda r: r["made_year"] <= 2021),
    ("flange_seal_failed", 2.0, lambda r: r["age_years"] < 1),
    ("damper_worn", 2.0, lambda r: r["age_years"] >= 2),
    ("remote_battery_flat", 0.4, lambda r: True),
    ("socket_no_power", 0.4, lambda r: True),
    ("no_earth", 0.0, lambda r: True),
    ("water_pressure_high", 0.3, lambda r: True),
]
# cause → what customers say of it and how often they do: (symptom, probability); then codes
REPORT = {
    "angle_valve_closed": ([("wash_no_water", .7), ("no_flush", .6)], [("E1", .6), ("L1", .3), ("E6", .4)]),
    "inlet_filter_clogged": ([("wash_weak", .65), ("wash_no_water", .3), ("flush_not_clean", .2)], [("E1", .25), ("L1", .2), ("E6", .15)]),
    "inlet_filter_torn": ([("drips_after_wash", .7), ("wash_weak", .2)], [("E2", .35)]),
    "water_pressure_low": ([("flush_not_clean", .9), ("wash_weak", .2)], [("L5", .55)]),
    "wrong_angle_valve": ([("flush_not_clean", .95)], [("L5", .6)]),
    "water_pressure_high": ([("noise", .6), ("drips_after_wash", .5)], [("E2", .3)]),
    "fill_valve_failed": ([("flush_not_clean", .6), ("keeps_running", .3), ("no_flush", .2)], [("L1", .65)]),
    "booster_pump_failed": ([("flush_not_clean", .7), ("noise", .35), ("no_flush", .25)], [("L3", .75)]),
    "tank_level_switch_failed": ([("keeps_running", .4), ("floor_water", .3), ("flush_not_clean", .3)], [("F7", .6), ("L2", .3)]),
    "rim_valve_failed": ([("keeps_running", .6), ("flush_not_clean", .4)], [("L6", .3)]),
    "flush_valve_failed": ([("no_flush", .45), ("keeps_running", .45), ("flush_not_clean", .2)], [("L4", .5), ("L6", .2)]),
    "flush_diaphragm_worn": ([("keeps_running", .95), ("noise", .1)], [("L6", .5)]),
    "kick_sensor_dirty": ([("flushes_by_itself", .95)], []),
    "kick_sensor_failed": ([("flushes_by_itself", .7), ("no_flush", .3)], []),
    "drain_clogged": ([("bowl_overflow", .8), ("flush_not_clean", .4)], [("L7", .5)]),
    "drain_poorly_vented": ([("flush_not_clean", .7), ("bad_smell", .4)], []),
    "flange_seal_failed": ([("floor_water", .7), ("bad_smell", .6)], []),
    "base_loose": ([("seat_shakes", .8), ("floor_water", .3)], []),
    "seat_plate_loose": ([("seat_shakes", .97)], []),
    "joint_gasket_worn": ([("floor_water", .97)], []),
    "inlet_hose_cracked": ([("floor_water", .97)], []),
    "wash_valve_stuck_closed": ([("wash_no_water", .9)], [("E1", .65)]),
    "wash_valve_leaking": ([("drips_after_wash", .9)], [("E2", .45)]),
    "flow_meter_failed": ([("wash_no_water", .5), ("wash_cold", .3)], [("F5", .5), ("E1", .4)]),
    "float_stuck": ([("wash_no_water", .4), ("wash_cold", .5)], [("E6", .85)]),
    "tank_not_filled": ([("wash_no_water", .4), ("wash_cold", .4)], [("E6", .9)]),
    "regulator_failed": ([("wash_weak", .85), ("noise", .2)], []),
    "nozzle_scaled": ([("wash_weak", .55), ("nozzle_not_out", .45)], [("H1", .4)]),
    "nozzle_rack_broken": ([("nozzle_not_out", .85), ("noise", .4)], [("H1", .6)]),
    "nozzle_motor_failed": ([("nozzle_not_out", .9)], [("H1", .7)]),
    "divider_failed": ([("wash_no_water", .4), ("wash_weak", .5)], [("H2", .7)]),
    "foam_pump_failed": ([("noise", .3)], [("H7", .9)]),
    "heater_open": ([("wash_cold", .95)], [("E4", .75), ("E5", .6)]),
    "heater_leaking_current": ([("plug_trips", .85), ("wash_cold", .15)], [("P1", .5)]),
    "thermal_cutout_open": ([("wash_cold", .8), ("wash_turns_cold", .3)], [("E4", .6), ("E5", .5)]),
    "tank_scaled": ([("wash_turns_cold", .7), ("wash_cold", .3)], [("E5", .45)]),
    "seat_heater_open": ([("seat_cold", .97)], [("E9", .6)]),
    "seat_cracked": ([("plug_trips", .7), ("seat_shakes", .1)], [("P1", .4), ("F3", .15)]),
    "dryer_heater_open": ([("dryer_not_warm", .97)], []),
    "dryer_fan_failed": ([("dryer_not_warm", .7), ("noise", .35)], [("H5", .65), ("EA", .15)]),
    "deodorizer_fan_failed": ([("bad_smell", .5), ("noise", .4)], [("H6", .7)]),
    "deodorizer_cartridge_spent": ([("bad_smell", .95)], []),
    "inlet_sensor_failed": ([("wash_turns_cold", .5), ("wash_cold", .2)], [("F1", .9)]),
    "outlet_sensor_failed": ([("wash_cold", .6), ("wash_turns_cold", .25), ("wash_too_hot", .1)], [("F2", .8), ("E3", .1)]),
    "seat_sensor_failed": ([("seat_cold", .7), ("seat_too_hot", .2)], [("F3", .8), ("E8", .15)]),
    "dryer_sensor_failed": ([("dryer_not_warm", .7)], [("F4", .9)]),
    "occupancy_sensor_failed": ([("sits_not_detected", .85), ("wash_no_water", .25)], [("F6", .45)]),
    "occupancy_sensor_wet": ([("sits_not_detected", .6), ("flushes_by_itself", .3)], [("F6", .4)]),
    "main_board_failed": ([("no_power", .6), ("remote_no_response", .25), ("seat_cold", .2)], [("EE", .1), ("EC", .1)]),
    "main_board_wet": ([("no_power", .4), ("plug_trips", .5), ("flushes_by_itself", .15)], [("P1", .3), ("EC", .25)]),
    "heater_driver_shorted": ([("wash_too_hot", .8)], [("E7", .6), ("E3", .4)]),
    "power_supply_failed": ([("no_power", .9), ("burnt_smell", .1)], [("P4", .25)]),
    "board_fuse_blown": ([("no_power", .97)], []),
    "leakage_plug_failed": ([("plug_trips", .7), ("no_power", .45)], []),
    "socket_wet": ([("plug_trips", .9), ("burnt_smell", .1)], [("P1", .1)]),
    "socket_no_power": ([("no_power", .97)], []),
    "supply_voltage_low": ([("wash_turns_cold", .5), ("wash_cold", .3)], [("P2", .7)]),
    "branch_shared": ([("plug_trips", .95)], []),
    "side_panel_failed": ([("remote_no_response", .6), ("sits_not_detected", .15)], [("EC", .5)]),
    "remote_battery_flat": ([("remote_no_response", .97)], []),
    "remote_failed": ([("remote_no_response", .97)], []),
    "remote_unpaired": ([("remote_no_response", .97)], []),
    "wifi_module_failed": ([("wifi_offline", .97)], []),
    "router_changed": ([("wifi_offline", .97)], []),
    "lid_motor_failed": ([("lid_not_moving", .9), ("noise", .3)], [("H3", .6)]),
    "ring_motor_failed": ([("lid_not_moving", .85)], [("H4", .7)]),
    "damper_worn": ([("lid_slams", .97)], []),
    "lid_too_close": ([("lid_not_moving", .85)], [("H3", .45)]),
    "frozen": ([("wash_no_water", .8), ("no_flush", .4)], [("E1", .5), ("E6", .4)]),
}
OPENERS = [
    "", "", "", "用户讲", "来电说", "客户电话：", "女主人反映", "民宿老板报修，", "租户代房东报，", "养老院一楼，", "主卫这台", "客卫的", "老人房那个",
    "精装交付房，", "已报过一次，", "儿子替父亲打来，",
]
SINCE = [
    "", "", "前天夜里起", "入住没几天就", "停水后一开阀就", "擦洗过后", "换季天一冷", "出差回来发现", "搬进来一直", "隔三差五", "这两周越来越", "春节过后", "早晨第一次用就",
    "拖完地之后",
]
CODE_SAYINGS = ["面板{}", "侧屏写{}", "数灯是{}", "客户念的代码{}", "有{}", "查历史是{}", "出{}"]
# symptom said → (symptom denied with it, in which words)
DENIED = {
    "wash_no_water": ("no_flush", "冲水是好的"), "wash_cold": ("seat_cold", "座圈倒是热"), "flush_not_clean": ("keeps_running", "冲完能停水"),
    "floor_water": ("bad_smell", "没味道"), "plug_trips": ("electric_shock", "没有麻手"), "seat_cold": ("wash_cold", "洗的水是温的"),
    "no_power": ("burnt_smell", "没闻到糊味"), "keeps_running": ("floor_water", "地面干的"),
}
# Symptoms that have nothing to do with the cause; symptoms that are reported as another under a condition.
STRAY = ["bad_smell", "lid_slams", "noise", "remote_no_response"]
SAID_INSTEAD = [
    (("wash_weak",), "wash_cold", lambda r: r["winter"] and r["age_years"] >= 3),
    (("no_flush", "flush_not_clean", "keeps_running"), "wash_no_water", lambda r: r["model"] == G280),
    (("flushes_by_itself",), "sits_not_detected", lambda r: r["model"] == G280),
    (("no_flush",), "flush_not_clean", lambda r: r["model"] == T460 and "high" in r["place"]),
]
FINDS = [
    "现场查出{}", "拆上盖看到{}", "原因：{}", "判定{}", "师傅认定{}", "最后落实是{}", "逐项排查为{}", "一测就知道是{}", "属于{}",
]
DONES = [
    "更换{}，通水保压后试用正常", "换上{}，试冲试洗都好", "装新{}，绝缘和试验键复核合格", "{}换新，代码清零未再现", "给换了{}，客户当面试过",
    "换{}一件，旧件带回", "领{}更换，擦干接头观察五分钟不漏",
]
NO_PARTS = [
    "没用料，处理完正常", "清理干净后好用", "调整到位，客户签字", "当场教客户操作，恢复", "冲洗除垢后恢复，未换件", "请客户整改线路或水路，登记回访",
    "擦干复位后连试三次正常",
]
UNKNOWN = ["", "", "回单没填原因", "故障原因一栏空着", "只写了“已处理”", "原因待补"]
FAILED = ["换了{}还是老样子，改约再来", "先上了{}，毛病没消，需二次上门", "{}换完试机不行，带错料"]
# Of the visits that fixed the fault these state a cause; a visit that did not never does. Chosen so that 30 % of all rows lack one.
KNOWN = 0.73
