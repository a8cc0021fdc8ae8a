"""The world from which the past repairs of the gas water heater are drawn; what each table means stands in `../draw_repairs.py`.

It differs from `fault-tree.toml` on purpose; the same list stands in the card.
"""

PRODUCT_LINE, BRAND, SERIAL = "gas_water_heater", "xuquan", "XQ"
ROWS, SEED = 500, 20250402
YEARS, AGES = [2023, 2024], (0, 6)
MODELS = {"JSQ26-XQ5": 0.46, "JSG32-XQ5": 0.31, "JSLQ36-XQ5": 0.23}
# GB/T 2260 county codes: (name, weight, what the place is like)
REGIONS = {
    "110105": ("北京朝阳", 8, "hard cold"), "130102": ("石家庄长安", 7, "hard cold"), "210102": ("沈阳和平", 7, "cold"),
    "610113": ("西安雁塔", 8, "hard"), "370202": ("青岛市南", 7, "coastal cold"), "310115": ("上海浦东", 9, "coastal"),
    "330106": ("杭州西湖", 8, ""), "350203": ("厦门思明", 7, "coastal"), "440305": ("深圳南山", 8, "coastal"),
    "420106": ("武汉武昌", 8, "oldgas"), "500103": ("重庆渝中", 8, "oldgas"), "510107": ("成都武侯", 8, ""),
    "460105": ("海口秀英", 4, "coastal"),
}
# Tickets by month, January first: winter carries most.
MONTHS = (17, 12, 8, 6, 5, 4, 4, 4, 5, 8, 13, 17)


def model_is(*models):
    return lambda r: r["model"] in models


JSQ, JSG, JSLQ = "JSQ26-XQ5", "JSG32-XQ5", "JSLQ36-XQ5"
# (cause, lift, condition on the row)
LIFTS = [
    # parts that a model does not have
    ("servo_failed", 0.0, model_is(JSQ)),
    ("pump_failed", 0.0, model_is(JSQ, JSG)),
    ("pump_air_lock", 0.0, model_is(JSQ, JSG)),
    ("check_valve_stuck", 0.0, model_is(JSQ, JSG)),
    ("return_valve_failed", 0.0, model_is(JSQ, JSG)),
    ("condensing_exchanger_scaled", 0.0, model_is(JSQ, JSG)),
    ("flue_sensor_failed", 0.0, model_is(JSQ, JSG)),
    ("return_sensor_failed", 0.0, model_is(JSQ, JSG)),
    ("condensate_pipe_blocked", 0.0, model_is(JSQ, JSG)),
    ("neutralizer_caked", 0.0, model_is(JSQ, JSG)),
    ("trap_cracked", 0.0, model_is(JSQ, JSG)),
    # region
    ("exchanger_scaled", 5.0, lambda r: "hard" in r["place"]),
    ("condensing_exchanger_scaled", 4.0, lambda r: "hard" in r["place"]),
    ("shower_head_clogged", 2.5, lambda r: "hard" in r["place"]),
    ("wind_backdraft", 4.0, lambda r: "coastal" in r["place"]),
    ("flue_joint_loose", 2.0, lambda r: "coastal" in r["place"]),
    ("gas_pressure_low", 3.0, lambda r: "oldgas" in r["place"] and r["winter"]),
    ("gas_meter_battery_flat", 2.5, lambda r: "oldgas" in r["place"]),
    # season
    ("exchanger_frost_cracked", 12.0, lambda r: "cold" in r["place"] and r["winter"]),
    ("exchanger_frost_cracked", 0.05, lambda r: not r["winter"]),
    ("pipes_frozen", 10.0, lambda r: "cold" in r["place"] and r["winter"]),
    ("pipes_frozen", 0.0, lambda r: not r["winter"] or "cold" not in r["place"]),
    ("condensate_pipe_blocked", 5.0, lambda r: "cold" in r["place"] and r["winter"]),
    ("inlet_water_warm", 6.0, lambda r: r["summer"]),
    ("inlet_water_warm", 0.0, lambda r: not r["summer"]),
    ("frost_heater_open", 0.2, lambda r: not r["winter"]),
    ("varistor_worn", 0.25, lambda r: r["summer"]),
    ("varistor_worn", 0.06, lambda r: not r["summer"]),
    # age
    ("flame_rod_dirty", 2.0, lambda r: r["age_years"] >= 3),
    ("exchanger_sooted", 2.5, lambda r: r["age_years"] >= 4),
    ("seal_aged", 3.0, lambda r: r["age_years"] >= 5),
    ("co_sensor_expired", 9.0, lambda r: r["age_years"] >= 5),
    ("co_sensor_expired", 0.1, lambda r: r["age_years"] < 5),
    ("air_in_gas_pipe", 4.0, lambda r: r["age_years"] < 1),
    ("air_in_gas_pipe", 0.1, lambda r: r["age_years"] >= 1),
    ("flue_slope_wrong", 3.0, lambda r: r["age_years"] < 1),
    # model and batch
    ("pressure_device_failed", 3.5, model_is(JSQ)),
    ("igniter_failed", 3.0, lambda r: r["model"] == JSQ and r["made_year"] in (2021, 2022)),
    ("servo_failed", 8.0, lambda r: r["model"] == JSG and r["made_year"] in (2022, 2023)),
    ("fan_motor_failed", 2.5, model_is(JSLQ)),
    ("check_valve_stuck", 3.0, model_is(JSLQ)),
    # seen far less often in the field than the expert believes
    ("router_changed", 0.3, lambda r: True),
    ("gas_supply_off", 0.5, lambda r: True),
    ("plug_tripped", 0.6, lambda r: True),
]
# cause → what customers say of it and how often they do: (symptom, probability); then codes
REPORT = {
    "gas_supply_off": ([("no_ignition", .95)], [("E1", .75)]),
    "gas_meter_battery_flat": ([("no_ignition", .95)], [("E1", .7)]),
    "gas_pressure_low": ([("weak_heat", .55), ("flame_out", .5), ("no_ignition", .2)], [("E2", .3), ("E1", .2)]),
    "regulator_overpressure": ([("bang_ignition", .5), ("yellow_flame", .4)], [("EC", .3)]),
    "gas_hose_leak": ([("gas_smell", .95), ("alarm_sounding", .3)], [("L1", .25)]),
    "gas_valve_leak": ([("gas_smell", .5), ("fan_keeps_running", .2)], [("EA", .6), ("E3", .15)]),
    "wrong_gas_type": ([("yellow_flame", .95), ("bang_ignition", .2)], [("EC", .4)]),
    "air_in_gas_pipe": ([("no_ignition", .95)], [("E1", .8)]),
    "igniter_failed": ([("no_ignition", .9), ("bang_ignition", .12)], [("E1", .8)]),
    "electrode_worn": ([("no_ignition", .65), ("bang_ignition", .45)], [("E1", .5)]),
    "flame_rod_dirty": ([("flame_out", .75), ("no_ignition", .35)], [("E2", .5), ("E1", .3)]),
    "flame_rod_cracked": ([("flame_out", .4), ("no_ignition", .4)], [("E3", .45), ("E2", .2)]),
    "valve_coil_open": ([("no_ignition", .95)], [("E1", .7), ("E9", .15)]),
    "valve_coil_shorted": ([("no_ignition", .8)], [("E9", .85)]),
    "prop_valve_coil_open": ([("no_ignition", .5), ("weak_heat", .4)], [("F1", .9)]),
    "prop_valve_stuck": ([("temp_unstable", .5), ("too_hot", .4), ("weak_heat", .3)], [("E4", .25)]),
    "earth_missing": ([("flame_out", .8)], [("E2", .55), ("P3", .1)]),
    "burner_clogged": ([("bang_ignition", .45), ("yellow_flame", .3), ("weak_heat", .3), ("noise", .2)], [("EC", .08)]),
    "burner_cracked": ([("noise", .4), ("yellow_flame", .5)], [("EC", .45)]),
    "manifold_misadjusted": ([("weak_heat", .6), ("bang_ignition", .3)], []),
    "exchanger_sooted": ([("flame_out", .4), ("yellow_flame", .35), ("weak_heat", .2)], [("E7", .4), ("EC", .1)]),
    "exchanger_scaled": ([("too_hot", .4), ("noise", .45), ("low_flow", .3), ("weak_heat", .2)], [("E4", .4)]),
    "exchanger_frost_cracked": ([("water_leak", .9), ("frozen", .5)], [("E8", .08)]),
    "exchanger_burnt": ([("fume_smell", .45), ("burnt_smell", .4)], [("E8", .8), ("EC", .2)]),
    "condensing_exchanger_scaled": ([("weak_heat", .4), ("flame_out", .3)], [("F4", .8)]),
    "flue_blocked": ([("no_ignition", .45), ("flame_out", .45), ("fume_smell", .2)], [("E7", .75), ("EC", .1)]),
    "flue_joint_loose": ([("fume_smell", .8), ("flue_drip", .15)], [("EC", .35)]),
    "flue_too_long": ([("flame_out", .6), ("no_ignition", .3)], [("E7", .7)]),
    "flue_slope_wrong": ([("flue_drip", .95)], []),
    "wind_backdraft": ([("flame_out", .75), ("fume_smell", .15)], [("L3", .65), ("E7", .1)]),
    "room_air_lacking": ([("fume_smell", .6), ("flame_out", .2)], [("EC", .45)]),
    "fan_motor_failed": ([("no_ignition", .65), ("noise", .4)], [("E6", .8)]),
    "fan_jammed": ([("no_ignition", .6), ("noise", .35)], [("E6", .75)]),
    "pressure_tube_fault": ([("no_ignition", .7)], [("E7", .7)]),
    "pressure_device_failed": ([("no_ignition", .8), ("flame_out", .15)], [("E7", .6), ("FE", .6)]),
    "inlet_filter_clogged": ([("not_starting", .5), ("low_flow", .55), ("temp_unstable", .12)], []),
    "shower_head_clogged": ([("low_flow", .55), ("not_starting", .4), ("too_hot", .1)], []),
    "water_pressure_low": ([("low_flow", .5), ("not_starting", .5)], []),
    "water_pressure_unstable": ([("temp_unstable", .95)], []),
    "inlet_water_warm": ([("too_hot", .95)], [("E4", .4)]),
    "flow_sensor_failed": ([("not_starting", .85), ("fan_keeps_running", .1)], [("F2", .6)]),
    "servo_failed": ([("temp_unstable", .75), ("low_flow", .4)], [("F3", .7)]),
    "mixer_crossed": ([("not_starting", .4), ("weak_heat", .6)], []),
    "relief_valve_drip": ([("water_leak", .95)], []),
    "seal_aged": ([("water_leak", .95)], []),
    "pipes_frozen": ([("frozen", .8), ("not_starting", .5)], []),
    "tap_left_open": ([("flame_out", .5)], [("L5", .95)]),
    "main_board_failed": ([("no_power", .35), ("no_ignition", .35), ("fan_keeps_running", .15), ("not_starting", .2)], [("EE", .08), ("E1", .1), ("E6", .05)]),
    "display_board_failed": ([("display_abnormal", .8), ("no_power", .25)], [("FA", .3)]),
    "display_cable_loose": ([("display_abnormal", .6), ("no_power", .3)], [("FA", .7)]),
    "dip_switch_wrong": ([("no_ignition", .4)], [("FC", .95)]),
    "outlet_sensor_failed": ([("temp_unstable", .4), ("too_hot", .25), ("weak_heat", .2)], [("E0", .7)]),
    "inlet_sensor_failed": ([("temp_unstable", .3)], [("E5", .9)]),
    "flue_sensor_failed": ([("not_starting", .3)], [("F5", .85), ("F4", .1)]),
    "return_sensor_failed": ([("long_cold_wait", .8)], [("F8", .85)]),
    "overheat_switch_open": ([("no_ignition", .6)], [("E8", .85)]),
    "plug_tripped": ([("no_power", .85), ("trips_plug", .25)], []),
    "leak_plug_failed": ([("trips_plug", .75), ("no_power", .5)], []),
    "fuse_blown": ([("no_power", .95)], []),
    "varistor_worn": ([("no_power", .7), ("burnt_smell", .35), ("trips_plug", .2)], []),
    "supply_voltage_low": ([("flame_out", .4)], [("P1", .9)]),
    "supply_voltage_high": ([("no_power", .4)], [("P2", .85)]),
    "frost_heater_open": ([("frozen", .2), ("trips_plug", .1)], [("FH", .9)]),
    "insulation_low": ([("trips_plug", .9)], [("P3", .55)]),
    "co_sensor_expired": ([("alarm_sounding", .2)], [("L7", .9), ("EC", .1)]),
    "gas_alarm_false": ([("alarm_sounding", .9)], [("L1", .7)]),
    "wifi_module_failed": ([("wifi_offline", .98)], []),
    "router_changed": ([("wifi_offline", .98)], []),
    "pump_failed": ([("long_cold_wait", .9), ("noise", .2)], [("F7", .85)]),
    "pump_air_lock": ([("long_cold_wait", .85), ("noise", .4)], [("F7", .6)]),
    "check_valve_stuck": ([("long_cold_wait", .85)], [("F2", .2)]),
    "return_valve_failed": ([("long_cold_wait", .95)], []),
    "condensate_pipe_blocked": ([("flame_out", .5), ("flue_drip", .15), ("water_leak", .2)], [("F6", .85)]),
    "neutralizer_caked": ([("flame_out", .45)], [("F6", .85)]),
    "trap_cracked": ([("water_leak", .7)], [("F6", .3)]),
    "mount_loose": ([("noise", .95)], []),
}
OPENERS = ["", "", "", "用户来电：", "客户说", "房东代报，", "楼上老人家", "租客反映", "用户在线留言，", "物业转来，", "回访时提到", "儿女替老人报修，", "老用户，", "师傅转单："]
SINCE = ["", "", "昨晚洗澡时", "天一冷就", "换了燃气表以后", "停水来水后", "装修完回来", "半个月了", "早上洗脸时", "一开灶具就", "刮风那两天", "过年回来发现", "时好时坏，"]
CODE_SAYINGS = ["显示{}", "报{}", "屏上跳{}", "代码{}", "出{}", "闪{}", "数码管上是{}"]
# symptom said → (symptom denied with it, in which words)
DENIED = {
    "no_ignition": ("gas_smell", "没有煤气味"), "flame_out": ("noise", "声音不大"), "too_hot": ("low_flow", "水量正常"),
    "water_leak": ("frozen", "没冻过"), "temp_unstable": ("water_leak", "不漏水"), "weak_heat": ("flame_out", "中途不熄火"),
    "fume_smell": ("gas_smell", "不是煤气味"), "no_power": ("burnt_smell", "没有糊味"),
}
# Symptoms that have nothing to do with the cause; symptoms that are reported as another under a condition.
STRAY = ["noise", "low_flow", "wifi_offline", "display_abnormal"]
# in winter nobody complains of hot water: what is too hot at times is reported as unsteady
SAID_INSTEAD = [(("too_hot",), "temp_unstable", lambda r: r["winter"])]
FINDS = ["查为{}", "到场测过，{}", "确认{}", "拆开看，{}", "判定{}", "原因：{}", "压力和电压都量了，定为{}", "排查下来是{}"]
DONES = ["更换{}，检漏合格，试机正常", "换{}后大火烧十分钟，CO为零", "已换{}，水温稳定", "装上新的{}，无代码，用户签字", "换了{}，旧件带回", "{}换新，交代了用法"]
NO_PARTS = ["处理后试火正常", "现场处理好，未换件", "处理完检漏合格，恢复使用", "弄好看了一刻钟，正常", "没换件，交代了注意事项", "复查正常，没有收费"]
UNKNOWN = ["", "原因未填", "工单没写原因", "系统里原因空着"]
FAILED = ["换{}后当天又犯，得再跑一趟", "换了{}没解决", "先换{}试，仍不行，另约时间"]
# Of the visits that fixed the fault these state a cause; a visit that did not never does. Chosen so that 30 % of all rows lack one.
KNOWN = 0.72
