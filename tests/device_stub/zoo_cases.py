"""What the zoo is told to do, and what becomes of it."""

from collections.abc import Mapping

from device_stub.appliances.zoo.access import CODE, WORD

type Case = tuple[str, str, Mapping[str, object], Mapping[str, object]]
"""Entity, what to do, what else the action says, and what the state shows then."""

CASES: dict[str, list[Case]] = {
    "alarm_control_panel": [
        *(
            ("alarm", "arm", {"mode": mode}, {"position": f"armed_{mode}"})
            for mode in ("home", "away", "night", "vacation", "custom_bypass")
        ),
        ("alarm", "disarm", {}, {"position": "disarmed"}),
        ("alarm", "trigger", {}, {"position": "triggered"}),
        ("alarm_with_code", "arm", {"mode": "away", "code": CODE}, {"position": "armed_away"}),
        ("alarm_with_code", "disarm", {"code": CODE}, {"position": "disarmed"}),
        ("alarm_with_word", "arm", {"mode": "home"}, {"position": "armed_home"}),
        ("alarm_with_word", "disarm", {"code": WORD}, {"position": "disarmed"}),
    ],
    "button": [
        (f"button{tail}", "press", {}, {}) for tail in ("", "_identify", "_restart", "_update")
    ],
    "camera": [
        ("camera", "turn_off", {}, {"on": False}),
        ("camera", "turn_on", {}, {"on": True}),
        ("camera", "disable_motion_detection", {}, {"motion_detection": False}),
        ("camera", "enable_motion_detection", {}, {"motion_detection": True}),
    ],
    "climate": [
        *(
            ("climate", "set_mode", {"mode": mode}, {"mode": mode, "activity": activity})
            for mode, activity in (
                ("off", "off"),
                ("heat", "heating"),
                ("cool", "idle"),
                ("heat_cool", "idle"),
                ("auto", "heating"),
                ("dry", "drying"),
                ("fan_only", "fan"),
            )
        ),
        ("climate", "turn_off", {}, {"mode": "off", "activity": "off"}),
        ("climate", "turn_on", {}, {"mode": "fan_only", "activity": "fan"}),
        ("climate", "set_temperature", {"temperature": 8.5}, {"target_temperature": 8.5}),
        (
            "climate",
            "set_temperature",
            {"low": 10, "high": 12, "mode": "heat_cool"},
            {"target_low": 10, "target_high": 12, "mode": "heat_cool", "activity": "cooling"},
        ),
        ("climate", "set_humidity", {"humidity": 60}, {"target_humidity": 60}),
        ("climate", "set_fan_mode", {"option": "high"}, {"fan_mode": "high"}),
        ("climate", "set_swing_mode", {"option": "both"}, {"swing_mode": "both"}),
        ("climate", "set_preset", {"option": "eco"}, {"preset": "eco"}),
        ("thermostat", "turn_on", {}, {"mode": "heat"}),
        ("thermostat", "set_temperature", {"temperature": 80}, {"target_temperature": 80}),
        ("fan_coil", "turn_on", {}, {"mode": "fan_only"}),
    ],
    "cover": [
        ("cover_blind", "open", {}, {"position": 100}),
        ("cover_blind", "set_position", {"position": 33}, {"position": 33}),
        ("cover_blind", "close", {}, {"position": 0}),
        ("cover_blind", "stop", {}, {"position": 0}),
        ("cover_blind", "open_tilt", {}, {"tilt": 100}),
        ("cover_blind", "set_tilt", {"position": 40}, {"tilt": 40}),
        ("cover_blind", "close_tilt", {}, {"tilt": 0}),
        ("cover_garage", "open", {}, {"closed": False}),
        ("cover_garage", "close", {}, {"closed": True}),
        ("cover_shade", "open_tilt", {}, {"tilt": 100, "closed": True}),
    ],
    "fan": [
        ("fan", "turn_on", {}, {"on": True, "percentage": 100}),
        ("fan", "set_percentage", {"percentage": 50}, {"on": True, "percentage": 50}),
        ("fan", "set_percentage", {"percentage": 0}, {"on": False, "percentage": 0}),
        ("fan", "turn_on", {"percentage": 25}, {"on": True, "percentage": 25}),
        ("fan", "set_preset", {"preset": "auto"}, {"preset": "auto", "percentage": 25}),
        ("fan", "set_oscillation", {"oscillating": True}, {"oscillating": True}),
        ("fan", "set_direction", {"direction": "reverse"}, {"direction": "reverse"}),
        ("fan", "turn_off", {}, {"on": False, "percentage": 0}),
        ("fan", "turn_on", {"preset": "sleep"}, {"on": True, "preset": "sleep"}),
        ("fan_smooth", "set_percentage", {"percentage": 73}, {"percentage": 73}),
        ("fan_plain", "turn_on", {}, {"on": True}),
        ("fan_plain", "turn_off", {}, {"on": False}),
    ],
    "humidifier": [
        ("humidifier", "turn_on", {}, {"on": True, "activity": "humidifying"}),
        ("humidifier", "set_humidity", {"humidity": 30}, {"target": 30, "activity": "idle"}),
        ("humidifier", "set_mode", {"mode": "sleep"}, {"mode": "sleep"}),
        ("humidifier", "turn_off", {}, {"on": False, "activity": "off"}),
        ("dehumidifier", "turn_on", {}, {"on": True, "activity": "idle"}),
        ("dehumidifier", "set_humidity", {"humidity": 10}, {"target": 10, "activity": "drying"}),
    ],
    "light": [
        ("light_onoff", "turn_on", {}, {"on": True, "color_mode": "onoff"}),
        ("light_onoff", "turn_off", {}, {"on": False}),
        ("light_brightness", "turn_on", {"brightness": 10}, {"on": True, "brightness": 10}),
        ("light_brightness", "turn_on", {"brightness": 0}, {"on": False}),
        ("light_color_temp", "turn_on", {"color_temp": 4000}, {"color_temp": 4000}),
        *(
            (
                "light_all_colors",
                "turn_on",
                {mode: color},
                {"on": True, "color_mode": mode, mode: color},
            )
            for mode, color in (
                ("color_temp", 2700),
                ("hs", (120.0, 50.0)),
                ("xy", (0.3, 0.4)),
                ("rgb", (1, 2, 3)),
                ("rgbw", (1, 2, 3, 4)),
                ("rgbww", (1, 2, 3, 4, 5)),
            )
        ),
        ("light_all_colors", "turn_on", {"effect": "candle"}, {"effect": "candle"}),
        ("light_all_colors", "turn_on", {"transition": 2, "brightness": 9}, {"brightness": 9}),
        ("light_all_colors", "turn_on", {"flash": "short"}, {"on": True}),
        ("light_all_colors", "turn_off", {"flash": "long", "transition": 1}, {"on": False}),
        (
            "light_white_spectrum",
            "turn_on",
            {"white": 77},
            {"color_mode": "white", "brightness": 77},
        ),
    ],
    "lock": [
        ("lock", "unlock", {}, {"position": "unlocked"}),
        ("lock", "lock", {}, {"position": "locked"}),
        ("lock_with_latch", "open", {}, {"position": "unlocked"}),
        ("lock_with_code", "unlock", {"code": CODE}, {"position": "unlocked"}),
    ],
    "number": [
        *(
            (f"number_{mode}", "set", {"value": -2.5}, {"value": -2.5})
            for mode in ("auto", "box", "slider")
        ),
        ("number_temperature", "set", {"value": 36.6}, {"value": 36.6}),
    ],
    "select": [("select", "select", {"option": "blue"}, {"option": "blue"})],
    "siren": [
        ("siren", "turn_on", {}, {"on": True}),
        ("siren", "turn_off", {}, {"on": False}),
        (
            "siren_with_tones",
            "turn_on",
            {"tone": "fire", "duration": 5, "volume": 0.5},
            {"on": True},
        ),
    ],
    "switch": [
        (key, f"turn_{word}", {}, {"on": word == "on"})
        for key in ("switch", "switch_outlet", "switch_switch")
        for word in ("on", "off")
    ],
    "text": [
        ("text", "set", {"value": ""}, {"value": ""}),
        ("text_password", "set", {"value": "open"}, {"value": "open"}),
        ("text_pattern", "set", {"value": "XY42"}, {"value": "XY42"}),
    ],
    "update": [
        ("update", "install", {"version": "1.1.0", "backup": True}, {"installed": "1.1.0"}),
        ("update", "install", {}, {"installed": "2.0.0"}),
        ("update_plain", "install", {}, {"installed": "2.0.0"}),
    ],
    "valve": [
        ("valve_water", "open", {}, {"position": 100}),
        ("valve_water", "set_position", {"position": 7}, {"position": 7}),
        ("valve_water", "close", {}, {"position": 0}),
        ("valve_water", "stop", {}, {"position": 0}),
        ("valve_gas", "open", {}, {"closed": False}),
        ("valve_gas", "close", {}, {"closed": True}),
    ],
    "water_heater": [
        *(
            ("water_heater", "set_operation", {"operation": operation}, {"operation": operation})
            for operation in (
                "electric",
                "performance",
                "high_demand",
                "heat_pump",
                "gas",
                "eco",
            )
        ),
        ("water_heater", "set_temperature", {"temperature": 60}, {"target_temperature": 60}),
        (
            "water_heater",
            "set_temperature",
            {"temperature": 50.5, "operation": "electric"},
            {"target_temperature": 50.5, "operation": "electric"},
        ),
        ("water_heater", "away_on", {}, {"away": True}),
        ("water_heater", "away_off", {}, {"away": False}),
        ("water_heater", "turn_off", {}, {"operation": "off"}),
        ("water_heater", "turn_on", {}, {"operation": "electric"}),
        (
            "water_heater_plain",
            "set_temperature",
            {"temperature": 150},
            {"target_temperature": 150},
        ),
    ],
}

REFUSALS: list[tuple[str, str, Mapping[str, object], str]] = [
    ("alarm_with_code", "arm", {"mode": "home"}, "wrong_code"),
    ("alarm_with_code", "disarm", {"code": "0000"}, "wrong_code"),
    ("alarm_with_word", "trigger", {}, "not_supported"),
    ("alarm_with_word", "arm", {"mode": "night"}, "not_supported"),
    ("alarm", "arm", {}, "invalid_action"),
    ("binary", "turn_on", {}, "invalid_action"),
    ("camera_plain", "turn_off", {}, "not_supported"),
    ("climate", "set_temperature", {"temperature": 36}, "out_of_range"),
    ("climate", "set_temperature", {"low": 20, "high": 10}, "out_of_range"),
    ("climate", "set_temperature", {}, "invalid_action"),
    ("climate", "set_mode", {}, "invalid_action"),
    ("climate", "set_preset", {"option": "party"}, "out_of_range"),
    ("climate", "set_fan_mode", {}, "invalid_action"),
    ("thermostat", "set_mode", {"mode": "cool"}, "out_of_range"),
    ("thermostat", "set_temperature", {"temperature": 80, "mode": "dry"}, "out_of_range"),
    ("thermostat", "set_humidity", {"humidity": 40}, "not_supported"),
    ("fan_coil", "set_temperature", {"temperature": 20}, "not_supported"),
    ("cover_garage", "set_position", {"position": 50}, "not_supported"),
    ("cover_blind", "set_position", {}, "invalid_action"),
    ("cover_blind", "set_tilt", {}, "invalid_action"),
    ("cover_gate", "stop", {}, "not_supported"),
    ("cover_gate", "open_tilt", {}, "not_supported"),
    ("fan_plain", "set_percentage", {"percentage": 5}, "not_supported"),
    ("fan", "set_direction", {}, "invalid_action"),
    ("fan", "set_preset", {"preset": "storm"}, "out_of_range"),
    ("humidifier", "set_humidity", {"humidity": 29}, "out_of_range"),
    ("humidifier", "set_humidity", {}, "invalid_action"),
    ("humidifier", "set_mode", {}, "invalid_action"),
    ("dehumidifier", "set_mode", {"mode": "eco"}, "out_of_range"),
    ("light_onoff", "turn_on", {"brightness": 3}, "not_supported"),
    ("light_rgb", "turn_on", {"hs": [1, 2]}, "not_supported"),
    ("light_rgb", "turn_on", {"white": 2}, "not_supported"),
    ("light_rgb", "turn_on", {"flash": "long"}, "not_supported"),
    ("light_all_colors", "turn_on", {"color_temp": 9000}, "out_of_range"),
    ("light_all_colors", "turn_on", {"effect": "disco"}, "out_of_range"),
    ("lock", "open", {}, "not_supported"),
    ("lock_with_code", "unlock", {"code": "4321"}, "wrong_code"),
    ("number_box", "set", {"value": 10.5}, "out_of_range"),
    ("select", "select", {"option": "pink"}, "out_of_range"),
    ("siren", "turn_on", {"tone": "alarm"}, "out_of_range"),
    ("siren", "turn_on", {"duration": 3}, "not_supported"),
    ("siren", "turn_on", {"volume": 1}, "not_supported"),
    ("text_password", "set", {"value": "abc"}, "out_of_range"),
    ("text_pattern", "set", {"value": "xy"}, "out_of_range"),
    ("update", "install", {"version": "9.9.9"}, "out_of_range"),
    ("update_plain", "install", {"version": "1.1.0"}, "not_supported"),
    ("update_plain", "install", {"backup": True}, "not_supported"),
    ("update_by_hand", "install", {}, "not_supported"),
    ("valve_gas", "set_position", {"position": 1}, "not_supported"),
    ("water_heater", "set_temperature", {"temperature": 29.9}, "out_of_range"),
    ("water_heater", "set_temperature", {}, "invalid_action"),
    ("water_heater", "set_operation", {}, "invalid_action"),
    ("water_heater_plain", "set_operation", {"operation": "gas"}, "out_of_range"),
    ("water_heater_plain", "away_on", {}, "not_supported"),
    ("water_heater_plain", "turn_off", {}, "not_supported"),
    ("sensor_power", "set", {}, "invalid_action"),
]
