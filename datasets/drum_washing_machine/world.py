"""The world from which the past repairs of the drum washing machines are drawn; what each table means stands in `../draw_repairs.py`.

It differs from `fault-tree.toml` on purpose; the same list stands in the card.
"""

PRODUCT_LINE, BRAND, SERIAL = "drum_washing_machine", "yangbai", "YB"
ROWS, SEED = 500, 20250601
YEARS, AGES = [2024, 2025], (0, 7)
EIGHT, TEN, TWELVE = "XQG80-YB1", "XQG100-YB3", "XQG120-YBH5"
MODELS = {EIGHT: 0.46, TEN: 0.34, TWELVE: 0.20}
# GB/T 2260 county codes: (name, weight, what the place is like)
REGIONS = {
    "110105": ("北京朝阳", 9, "hard"), "120104": ("天津南开", 6, "hard coastal"), "130102": ("石家庄长安", 6, "hard"),
    "610113": ("西安雁塔", 8, "hard"), "210102": ("沈阳和平", 6, "cold"), "230103": ("哈尔滨南岗", 5, "cold hard"),
    "310115": ("上海浦东", 10, "humid"), "320102": ("南京玄武", 7, "humid"), "420106": ("武汉武昌", 8, "humid"),
    "440305": ("深圳南山", 9, "humid coastal"), "440106": ("广州天河", 8, "humid"), "350203": ("厦门思明", 6, "humid coastal"),
    "370202": ("青岛市南", 6, "coastal"), "500103": ("重庆渝中", 8, "hill humid"), "530103": ("昆明盘龙", 4, "hill"),
}
# Tickets by month, January first: quilts and frost around New Year, the plum rain in June.
MONTHS = (12, 11, 8, 7, 7, 9, 8, 7, 7, 6, 8, 10)
DRYING = (
    "dry_lint_blocked", "dry_heater_open", "dry_fan_failed", "dry_thermostat_open", "duct_ntc_failed", "condenser_ntc_failed",
    "condenser_valve_failed", "dryer_overloaded",
)
# (cause, lift, condition on the situation of the visit)
LIFTS = [
    # water and place
    ("wash_heater_scaled", 5.0, lambda r: "hard" in r["place"]),
    ("wash_heater_open", 4.0, lambda r: "hard" in r["place"]),
    ("inlet_screen_clogged", 2.0, lambda r: "hard" in r["place"]),
    ("wash_heater_scaled", 0.2, lambda r: "humid" in r["place"]),
    ("mold_in_tub", 2.5, lambda r: "humid" in r["place"] and r["month"] in (4, 5, 6, 7)),
    ("display_board_failed", 3.0, lambda r: "humid" in r["place"] and r["month"] in (3, 4, 5, 6)),
    ("spider_broken", 7.0, lambda r: "coastal" in r["place"] and r["age_years"] >= 3),
    ("door_hinge_sagging", 2.0, lambda r: "coastal" in r["place"]),
    ("water_pressure_low", 3.0, lambda r: "hill" in r["place"]),
    ("not_level", 1.8, lambda r: "hill" in r["place"]),
    ("drain_frozen", 14.0, lambda r: "cold" in r["place"] and r["winter"]),
    ("drain_frozen", 0.0, lambda r: not (r["winter"] and ("cold" in r["place"] or "hard" in r["place"]))),
    ("floor_drain_backs_up", 2.5, lambda r: r["summer"]),
    ("load_unbalanced", 1.6, lambda r: r["winter"]),
    # batches and models
    ("drain_pump_failed", 5.0, lambda r: r["model"] == EIGHT and r["made_year"] == 2022),
    ("hall_sensor_failed", 6.0, lambda r: r["model"] == TEN and r["made_year"] in (2022, 2023)),
    ("drive_board_failed", 3.0, lambda r: r["model"] == TWELVE),
    ("cord_overheated", 3.0, lambda r: r["model"] == TWELVE),
    ("door_lock_failed", 2.0, lambda r: r["model"] == EIGHT and r["age_years"] >= 3),
    # age
    ("bearing_worn", 3.0, lambda r: r["age_years"] >= 4),
    ("bearing_worn", 0.2, lambda r: r["age_years"] < 2),
    ("damper_worn", 2.0, lambda r: r["age_years"] >= 3),
    ("gasket_torn", 1.7, lambda r: r["age_years"] >= 4),
    ("belt_slipping", 2.0, lambda r: r["age_years"] >= 4),
    ("inlet_hose_leaking", 2.5, lambda r: r["age_years"] >= 5),
    ("transit_bolts_left", 6.0, lambda r: r["age_years"] == 0),
    ("transit_bolts_left", 0.03, lambda r: r["age_years"] > 0),
    ("not_level", 2.0, lambda r: r["age_years"] == 0),
    # drying: winter and the wet months; the tree knows no season
    *[(cause, 3.0, lambda r: r["model"] == TWELVE) for cause in DRYING],
    ("dry_lint_blocked", 2.0, lambda r: r["model"] == TWELVE and (r["winter"] or r["month"] in (3, 6))),
    ("dryer_overloaded", 1.5, lambda r: r["model"] == TWELVE and r["winter"]),
    # mostly settled on the telephone, so that no visit follows
    ("tap_closed", 0.3, lambda r: True),
    ("child_lock_on", 0.3, lambda r: True),
    ("router_changed", 0.4, lambda r: True),
    ("load_unbalanced", 0.4, lambda r: True),
    ("too_much_detergent", 0.4, lambda r: True),
    ("drain_strainer_clogged", 0.55, lambda r: True),
    ("laundry_in_door", 0.4, lambda r: True),
    ("socket_dead", 0.5, lambda r: True),
    # what a model does not have
    *[(cause, 0.0, lambda r: r["model"] == EIGHT) for cause in (
        "flow_meter_stuck", "float_switch_failed", "circulation_pump_failed", "hall_sensor_failed",
        "dosing_clogged", "detergent_pump_failed", "softener_pump_failed", "dosing_box_magnet_lost")],
    ("belt_slipping", 0.0, lambda r: r["model"] != EIGHT),
    *[(cause, 0.0, lambda r: r["model"] != TWELVE) for cause in DRYING],
]
# cause → what customers say of it and how often they do: (symptom, probability); then codes
REPORT = {
    "tap_closed": ([("no_water_in", .95)], [("E10", .7)]),
    "inlet_screen_clogged": ([("no_water_in", .8), ("takes_too_long", .3), ("not_clean", .1)], [("E10", .65)]),
    "water_pressure_low": ([("no_water_in", .6), ("takes_too_long", .5), ("not_drying", .1)], [("E10", .4), ("E11", .2)]),
    "inlet_valve_failed": ([("no_water_in", .95)], [("E10", .75)]),
    "inlet_valve_leaks_through": ([("keeps_filling", .9), ("leaks_water", .2)], [("E12", .7)]),
    "inlet_hose_leaking": ([("leaks_water", .95)], [("E13", .15)]),
    "flow_meter_stuck": ([("takes_too_long", .4), ("no_water_in", .4)], [("E11", .85)]),
    "drain_hose_too_low": ([("keeps_filling", .8), ("no_water_in", .3), ("takes_too_long", .3)], [("E10", .5)]),
    "drain_strainer_clogged": ([("not_draining", .75), ("not_spinning", .45), ("takes_too_long", .15)], [("E20", .7)]),
    "drain_hose_kinked": ([("not_draining", .8), ("not_spinning", .3)], [("E20", .6)]),
    "drain_hose_damaged": ([("leaks_water", .95)], []),
    "drain_pump_jammed": ([("not_draining", .85), ("loud_noise", .3), ("not_spinning", .2)], [("E21", .55), ("E20", .3)]),
    "drain_pump_failed": ([("not_draining", .9), ("not_spinning", .35), ("door_wont_open", .1)], [("E21", .6), ("E20", .35)]),
    "drain_frozen": ([("not_draining", .85), ("not_spinning", .4)], [("E20", .6), ("E21", .2)]),
    "floor_drain_backs_up": ([("leaks_water", .7), ("bad_smell", .35), ("not_draining", .2)], [("E20", .15)]),
    "strainer_not_tight": ([("leaks_water", .98)], []),
    "circulation_pump_failed": ([("not_clean", .4), ("loud_noise", .2)], [("E22", .85)]),
    "too_much_detergent": ([("too_much_foam", .85), ("takes_too_long", .3), ("not_clean", .2)], [("E40", .5)]),
    "float_switch_failed": ([("stops_midway", .4), ("loud_noise", .1)], [("E13", .95)]),
    "level_sensor_failed": ([("keeps_filling", .3), ("stops_midway", .5), ("no_water_in", .2)], [("F01", .7), ("E12", .15)]),
    "air_hose_blocked": ([("keeps_filling", .3), ("takes_too_long", .4), ("stops_midway", .3)], [("F01", .4), ("E20", .3)]),
    "wash_heater_open": ([("water_not_hot", .7), ("takes_too_long", .4), ("not_clean", .15)], [("F05", .75)]),
    "wash_heater_leaks_current": ([("trips_breaker", .97)], []),
    "wash_heater_scaled": ([("takes_too_long", .6), ("water_not_hot", .5), ("loud_noise", .1)], [("F05", .5)]),
    "heater_seal_leaking": ([("leaks_water", .97)], [("E13", .1)]),
    "wash_ntc_failed": ([("water_not_hot", .4), ("stops_midway", .3)], [("F02", .9)]),
    "dry_lint_blocked": ([("not_drying", .85), ("takes_too_long", .4), ("burnt_smell", .12)], [("F07", .5)]),
    "dry_heater_open": ([("not_drying", .97)], [("F07", .1)]),
    "dry_fan_failed": ([("not_drying", .85), ("loud_noise", .3)], [("F08", .7), ("F07", .2)]),
    "dry_thermostat_open": ([("not_drying", .9)], [("F07", .85)]),
    "duct_ntc_failed": ([("not_drying", .6), ("stops_midway", .2)], [("F03", .9)]),
    "condenser_ntc_failed": ([("not_drying", .6)], [("F04", .9)]),
    "condenser_valve_failed": ([("not_drying", .9), ("takes_too_long", .5)], []),
    "dryer_overloaded": ([("not_drying", .9), ("takes_too_long", .4)], [("F07", .1)]),
    "door_lock_failed": ([("door_wont_lock", .45), ("door_wont_open", .5)], [("E30", .5), ("E31", .25), ("E32", .1)]),
    "door_hook_broken": ([("door_wont_lock", .75), ("door_wont_open", .25)], [("E30", .6)]),
    "door_hinge_sagging": ([("door_wont_lock", .9)], [("E30", .6)]),
    "laundry_in_door": ([("door_wont_lock", .8), ("leaks_water", .2)], [("E30", .7)]),
    "gasket_torn": ([("leaks_water", .85), ("clothes_damaged", .15), ("bad_smell", .1)], [("E13", .25)]),
    "belt_slipping": ([("drum_not_turning", .6), ("loud_noise", .35), ("burnt_smell", .3), ("not_spinning", .3)], [("H03", .5), ("H01", .1)]),
    "motor_failed": ([("drum_not_turning", .75), ("stops_midway", .4), ("burnt_smell", .2)], [("H04", .35), ("H02", .3), ("H01", .2)]),
    "hall_sensor_failed": ([("drum_not_turning", .55), ("stops_midway", .5), ("not_spinning", .3)], [("H03", .85)]),
    "bearing_worn": ([("loud_noise", .95), ("leaks_water", .15), ("walks_shakes", .15)], [("H05", .03)]),
    "spider_broken": ([("loud_noise", .8), ("walks_shakes", .7), ("clothes_damaged", .15)], [("E50", .5)]),
    "damper_worn": ([("walks_shakes", .85), ("loud_noise", .4), ("not_spinning", .2)], [("E50", .45)]),
    "spring_unhooked": ([("loud_noise", .7), ("walks_shakes", .7)], [("E50", .4)]),
    "counterweight_loose": ([("loud_noise", .85), ("walks_shakes", .4)], [("E50", .2)]),
    "not_level": ([("walks_shakes", .9), ("not_spinning", .2), ("loud_noise", .3)], [("E50", .3)]),
    "transit_bolts_left": ([("walks_shakes", .95), ("loud_noise", .6)], [("E50", .5)]),
    "load_unbalanced": ([("not_spinning", .7), ("walks_shakes", .4), ("takes_too_long", .4)], [("E50", .6)]),
    "foreign_object_in_tub": ([("loud_noise", .75), ("clothes_damaged", .4), ("drum_not_turning", .1)], [("H01", .15)]),
    "main_board_failed": ([("no_power", .45), ("stops_midway", .3), ("no_water_in", .1), ("water_not_hot", .1)], [("F09", .12), ("F10", .15), ("F06", .1), ("E32", .08)]),
    "drive_board_failed": ([("drum_not_turning", .65), ("stops_midway", .45), ("not_spinning", .25)], [("F11", .4), ("H02", .3), ("H05", .15)]),
    "display_board_failed": ([("keys_dead", .65), ("no_power", .4)], [("F10", .4)]),
    "harness_loose": ([("stops_midway", .5), ("keys_dead", .2)], [("F10", .3), ("F11", .35), ("H04", .15)]),
    "filter_failed": ([("no_power", .85), ("trips_breaker", .25)], []),
    "mains_fuse_blown": ([("no_power", .97)], []),
    "cord_overheated": ([("burnt_smell", .7), ("no_power", .4), ("trips_breaker", .2)], []),
    "socket_dead": ([("no_power", .98)], []),
    "mains_voltage_low": ([("stops_midway", .7), ("not_spinning", .2)], [("H07", .6)]),
    "child_lock_on": ([("keys_dead", .97)], []),
    "wifi_module_failed": ([("wifi_offline", .98)], [("U1", .7)]),
    "router_changed": ([("wifi_offline", .98)], []),
    "dosing_clogged": ([("not_dosing", .85), ("not_clean", .3)], [("d1", .35), ("d2", .25)]),
    "detergent_pump_failed": ([("not_dosing", .8), ("not_clean", .2)], [("d1", .85)]),
    "softener_pump_failed": ([("not_dosing", .8)], [("d2", .85)]),
    "dosing_box_magnet_lost": ([("not_dosing", .4)], [("d3", .95)]),
    "mold_in_tub": ([("bad_smell", .8), ("not_clean", .45)], []),
}
# symptom said → (symptom denied with it, in which words)
DENIED = {
    "not_draining": ("leaks_water", "地上没水"), "not_spinning": ("loud_noise", "声音不大"), "walks_shakes": ("leaks_water", "不漏水"),
    "leaks_water": ("too_much_foam", "不是泡沫"), "loud_noise": ("walks_shakes", "机子倒不晃"), "no_water_in": ("keys_dead", "按键都灵"),
    "not_drying": ("burnt_smell", "没有焦味"), "stops_midway": ("trips_breaker", "不跳闸"), "drum_not_turning": ("not_draining", "排水是好的"),
}
STRAY = ["bad_smell", "takes_too_long", "keys_dead", "wifi_offline"]
# In winter owners of the washer-dryer call wet laundry a drying fault; where water freezes, a stopped spin is reported as water that does not leave.
SAID_INSTEAD = [
    (("not_spinning",), "not_drying", lambda r: r["model"] == TWELVE and r["winter"]),
    (("not_spinning", "takes_too_long"), "not_draining", lambda r: r["winter"] and "cold" in r["place"]),
]
OPENERS = ["", "", "", "客户来电：", "用户讲", "房东报的，", "宝妈催得急，", "租客说", "二次报修，", "老人家报修，", "小程序下单：", "宿舍管理员报：", "转单，", "阳台那台"]
SINCE = ["", "", "这两天", "洗床单那次起", "搬家以后", "清洗过以后还是", "隔三差五", "用了没几回就", "停水来水之后", "晚上洗的时候", "从上礼拜开始", "装修完"]
CODE_SAYINGS = ["显示{}", "报{}", "屏上跳{}", "代码{}", "闪{}", "嘀嘀叫着出{}"]
FINDS = ["到场查出{}", "实为{}", "拆开看是{}", "{}，已给客户看过", "量了以后判{}", "毛病在{}", "故障点：{}", "确认{}"]
UNKNOWN = ["", "", "原因栏空着", "师傅没写原因", "回单只填了处理", "原因未选"]
DONES = ["换{}，空筒跑一遍好了", "更换{}后洗一桶无异常", "{}换新，客户当面试过", "装上新的{}，代码没再来", "换了{}，旧件带回", "{}已换，脱水平稳"]
NO_PARTS = ["没换件，处理完正常", "教了用户怎么弄", "清理后试机好", "调好走人，观察", "现场弄好，拍照上传", "未收费，讲解后恢复"]
FAILED = ["换了{}，没好，再约", "{}换上还是老样子，要再跑一趟", "先换{}，故障依旧"]
# Of the visits that fixed the fault these state a cause; a visit that did not never does. Chosen so that about 30 % of all rows lack one.
KNOWN = 0.72
