"""What Home Assistant has the zoo do, by its own actions; and what becomes of it on both sides."""

from collections.abc import Mapping
from typing import Any

from device_stub.appliances.zoo.access import CODE, WORD

type Fields = Mapping[str, Any]
type Call = tuple[str, str, Fields, Fields, Fields]
"""Action, entity, what else it says; then the device's state, and Home Assistant's: `state`, and
attributes."""
type Refusal = tuple[str, str, Fields, str, str]
"""Action, entity, what else it says; then whose translation of the error, and its key."""

NOT_A_COMMAND = frozenset(
    {
        # Pictures: test_pictures.py.
        "camera.snapshot",
        "camera.record",
        "camera.play_stream",
        # Home Assistant's own memory.
        "update.skip",
        "update.clear_skipped",
        # The model has one swing mode.
        "climate.set_swing_horizontal_mode",
    }
)


def _is(state: str) -> Fields:
    return {"state": state}


CALLS: dict[str, list[Call]] = {
    "alarm_control_panel": [
        *(
            (f"alarm_arm_{mode}", "alarm", {}, {"position": armed}, _is(armed))
            for mode, armed in (
                (mode, f"armed_{mode}")
                for mode in ("home", "away", "night", "vacation", "custom_bypass")
            )
        ),
        ("alarm_trigger", "alarm", {}, {"position": "triggered"}, _is("triggered")),
        ("alarm_disarm", "alarm", {}, {"position": "disarmed"}, _is("disarmed")),
        (
            "alarm_arm_away",
            "alarm_with_code",
            {"code": CODE},
            {"position": "armed_away"},
            {"state": "armed_away", "code_format": "number"},
        ),
        (
            "alarm_disarm",
            "alarm_with_code",
            {"code": CODE},
            {"position": "disarmed"},
            _is("disarmed"),
        ),
        ("alarm_arm_home", "alarm_with_word", {}, {"position": "armed_home"}, _is("armed_home")),
        (
            "alarm_disarm",
            "alarm_with_word",
            {"code": WORD},
            {"position": "disarmed"},
            _is("disarmed"),
        ),
    ],
    "button": [("press", "button", {}, {}, {}), ("press", "button_restart", {}, {}, {})],
    "camera": [
        ("turn_off", "camera", {}, {"on": False}, _is("idle")),
        ("turn_on", "camera", {}, {"on": True}, _is("idle")),
        (
            "enable_motion_detection",
            "camera",
            {},
            {"motion_detection": True},
            {"motion_detection": True},
        ),
        (
            "disable_motion_detection",
            "camera",
            {},
            {"motion_detection": False},
            # Home Assistant leaves out what is not so.
            {"motion_detection": None},
        ),
    ],
    "climate": [
        *(
            (
                "set_hvac_mode",
                "climate",
                {"hvac_mode": mode},
                {"mode": mode, "activity": activity},
                {"state": mode, "hvac_action": activity},
            )
            for mode, activity in (
                ("heat", "heating"),
                ("cool", "idle"),
                ("heat_cool", "idle"),
                ("auto", "heating"),
                ("dry", "drying"),
                ("fan_only", "fan"),
                ("off", "off"),
            )
        ),
        ("turn_on", "climate", {}, {"mode": "fan_only"}, _is("fan_only")),
        ("turn_off", "climate", {}, {"mode": "off"}, _is("off")),
        ("toggle", "climate", {}, {"mode": "fan_only"}, _is("fan_only")),
        (
            "set_temperature",
            "climate",
            {"temperature": 8.5, "hvac_mode": "cool"},
            {"target_temperature": 8.5, "mode": "cool"},
            {"state": "cool", "temperature": 8.5},
        ),
        (
            "set_temperature",
            "climate",
            {"target_temp_low": 10, "target_temp_high": 12.5, "hvac_mode": "heat_cool"},
            {"target_low": 10, "target_high": 12.5},
            {"target_temp_low": 10, "target_temp_high": 12.5, "hvac_action": "cooling"},
        ),
        ("set_humidity", "climate", {"humidity": 60}, {"target_humidity": 60}, {"humidity": 60}),
        (
            "set_fan_mode",
            "climate",
            {"fan_mode": "high"},
            {"fan_mode": "high"},
            {"fan_mode": "high"},
        ),
        (
            "set_swing_mode",
            "climate",
            {"swing_mode": "both"},
            {"swing_mode": "both"},
            {"swing_mode": "both"},
        ),
        (
            "set_preset_mode",
            "climate",
            {"preset_mode": "eco"},
            {"preset": "eco"},
            {"preset_mode": "eco"},
        ),
        # Degrees Fahrenheit there, degrees Celsius here.
        (
            "set_temperature",
            "thermostat",
            {"temperature": 20},
            {"target_temperature": 68},
            {"temperature": 20},
        ),
    ],
    "cover": [
        (
            "open_cover",
            "cover_blind",
            {},
            {"position": 100},
            {"state": "open", "current_position": 100},
        ),
        (
            "set_cover_position",
            "cover_blind",
            {"position": 33},
            {"position": 33},
            {"current_position": 33},
        ),
        ("stop_cover", "cover_blind", {}, {"position": 33}, {"current_position": 33}),
        ("close_cover", "cover_blind", {}, {"position": 0}, _is("closed")),
        ("toggle", "cover_blind", {}, {"position": 100}, _is("open")),
        ("open_cover_tilt", "cover_blind", {}, {"tilt": 100}, {"current_tilt_position": 100}),
        (
            "set_cover_tilt_position",
            "cover_blind",
            {"tilt_position": 40},
            {"tilt": 40},
            {"current_tilt_position": 40},
        ),
        ("stop_cover_tilt", "cover_blind", {}, {"tilt": 40}, {"current_tilt_position": 40}),
        ("close_cover_tilt", "cover_blind", {}, {"tilt": 0}, {"current_tilt_position": 0}),
        ("toggle_cover_tilt", "cover_blind", {}, {"tilt": 100}, {"current_tilt_position": 100}),
        ("open_cover", "cover_garage", {}, {"closed": False}, _is("open")),
        ("close_cover", "cover_garage", {}, {"closed": True}, _is("closed")),
    ],
    "fan": [
        ("turn_on", "fan", {}, {"on": True, "percentage": 100}, {"state": "on", "percentage": 100}),
        (
            "set_percentage",
            "fan",
            {"percentage": 50},
            {"percentage": 50},
            {"state": "on", "percentage": 50},
        ),
        ("increase_speed", "fan", {}, {"percentage": 75}, {"percentage": 75}),
        ("decrease_speed", "fan", {}, {"percentage": 50}, {"percentage": 50}),
        ("set_percentage", "fan", {"percentage": 0}, {"on": False}, _is("off")),
        ("turn_on", "fan", {"percentage": 25}, {"percentage": 25}, {"percentage": 25}),
        ("turn_on", "fan", {"percentage": 0}, {"on": False}, _is("off")),
        (
            "turn_on",
            "fan",
            {"preset_mode": "sleep"},
            {"on": True, "preset": "sleep"},
            {"state": "on", "preset_mode": "sleep"},
        ),
        (
            "set_preset_mode",
            "fan",
            {"preset_mode": "auto"},
            {"preset": "auto"},
            {"preset_mode": "auto"},
        ),
        ("oscillate", "fan", {"oscillating": True}, {"oscillating": True}, {"oscillating": True}),
        (
            "set_direction",
            "fan",
            {"direction": "reverse"},
            {"direction": "reverse"},
            {"direction": "reverse"},
        ),
        ("turn_off", "fan", {}, {"on": False, "percentage": 0}, _is("off")),
        ("toggle", "fan_plain", {}, {"on": True}, _is("on")),
    ],
    "humidifier": [
        (
            "turn_on",
            "humidifier",
            {},
            {"on": True, "activity": "humidifying"},
            {"state": "on", "action": "humidifying"},
        ),
        ("set_humidity", "humidifier", {"humidity": 30}, {"target": 30}, {"humidity": 30}),
        ("set_mode", "humidifier", {"mode": "sleep"}, {"mode": "sleep"}, {"mode": "sleep"}),
        ("turn_off", "humidifier", {}, {"on": False}, _is("off")),
        ("toggle", "dehumidifier", {}, {"on": True}, {"state": "on", "action": "idle"}),
    ],
    "light": [
        ("turn_on", "light_onoff", {}, {"on": True}, {"state": "on", "color_mode": "onoff"}),
        ("turn_off", "light_onoff", {}, {"on": False}, _is("off")),
        ("toggle", "light_onoff", {}, {"on": True}, _is("on")),
        ("turn_on", "light_brightness", {"brightness": 10}, {"brightness": 10}, {"brightness": 10}),
        *(
            (
                "turn_on",
                "light_all_colors",
                {name: color},
                {"on": True, "color_mode": mode, mode: color},
                {"color_mode": mode, name: color},
            )
            for mode, name, color in (
                ("color_temp", "color_temp_kelvin", 2700),
                ("hs", "hs_color", (120.0, 50.0)),
                ("xy", "xy_color", (0.3, 0.4)),
                ("rgb", "rgb_color", (1, 2, 3)),
                ("rgbw", "rgbw_color", (1, 2, 3, 4)),
                ("rgbww", "rgbww_color", (1, 2, 3, 4, 5)),
            )
        ),
        (
            "turn_on",
            "light_all_colors",
            {"effect": "candle", "transition": 2},
            {"effect": "candle"},
            {"effect": "candle"},
        ),
        ("turn_on", "light_all_colors", {"flash": "short"}, {"on": True}, _is("on")),
        (
            "turn_off",
            "light_all_colors",
            {"flash": "long", "transition": 1},
            {"on": False},
            _is("off"),
        ),
        (
            "turn_on",
            "light_white_spectrum",
            {"white": 77},
            {"color_mode": "white", "brightness": 77},
            {"color_mode": "white", "brightness": 77},
        ),
    ],
    "lock": [
        ("unlock", "lock", {}, {"position": "unlocked"}, _is("unlocked")),
        ("lock", "lock", {}, {"position": "locked"}, _is("locked")),
        ("open", "lock_with_latch", {}, {"position": "unlocked"}, _is("unlocked")),
        ("unlock", "lock_with_code", {"code": CODE}, {"position": "unlocked"}, _is("unlocked")),
    ],
    "number": [
        *(
            ("set_value", f"number_{mode}", {"value": -2.5}, {"value": -2.5}, _is("-2.5"))
            for mode in ("auto", "box", "slider")
        ),
        ("set_value", "number_temperature", {"value": 36.6}, {"value": 36.6}, _is("36.6")),
        ("set_value", "number_volume_flow_rate", {"value": 0.25}, {"value": 0.25}, _is("0.25")),
    ],
    "select": [
        ("select_option", "select", {"option": "blue"}, {"option": "blue"}, _is("blue")),
        ("select_first", "select", {}, {"option": "red"}, _is("red")),
        ("select_next", "select", {}, {"option": "green"}, _is("green")),
        ("select_last", "select", {}, {"option": "blue"}, _is("blue")),
        ("select_previous", "select", {}, {"option": "green"}, _is("green")),
    ],
    "siren": [
        ("turn_on", "siren", {}, {"on": True}, _is("on")),
        ("turn_off", "siren", {}, {"on": False}, _is("off")),
        ("toggle", "siren", {}, {"on": True}, _is("on")),
        (
            "turn_on",
            "siren_with_tones",
            {"tone": "fire", "duration": 5, "volume_level": 0.5},
            {"on": True},
            _is("on"),
        ),
    ],
    "switch": [
        ("turn_on", "switch", {}, {"on": True}, _is("on")),
        ("turn_off", "switch", {}, {"on": False}, _is("off")),
        ("toggle", "switch_outlet", {}, {"on": True}, _is("on")),
    ],
    "text": [
        ("set_value", "text", {"value": ""}, {"value": ""}, _is("")),
        ("set_value", "text_password", {"value": "open"}, {"value": "open"}, _is("open")),
        ("set_value", "text_pattern", {"value": "XY42"}, {"value": "XY42"}, _is("XY42")),
    ],
    "update": [
        (
            "install",
            "update",
            {"version": "1.1.0", "backup": True},
            {"installed": "1.1.0"},
            {"state": "on", "installed_version": "1.1.0"},
        ),
        ("install", "update", {}, {"installed": "2.0.0"}, _is("off")),
        ("install", "update_plain", {}, {"installed": "2.0.0"}, _is("off")),
    ],
    "valve": [
        (
            "open_valve",
            "valve_water",
            {},
            {"position": 100},
            {"state": "open", "current_position": 100},
        ),
        (
            "set_valve_position",
            "valve_water",
            {"position": 7},
            {"position": 7},
            {"current_position": 7},
        ),
        ("stop_valve", "valve_water", {}, {"position": 7}, {"current_position": 7}),
        ("close_valve", "valve_water", {}, {"position": 0}, _is("closed")),
        ("toggle", "valve_gas", {}, {"closed": False}, _is("open")),
        ("close_valve", "valve_gas", {}, {"closed": True}, _is("closed")),
    ],
    "water_heater": [
        (
            "set_operation_mode",
            "water_heater",
            {"operation_mode": "heat_pump"},
            {"operation": "heat_pump"},
            {"state": "heat_pump", "operation_mode": "heat_pump"},
        ),
        (
            "set_temperature",
            "water_heater",
            {"temperature": 50.5, "operation_mode": "electric"},
            {"target_temperature": 50.5, "operation": "electric"},
            {"state": "electric", "temperature": 50.5},
        ),
        ("set_away_mode", "water_heater", {"away_mode": True}, {"away": True}, {"away_mode": "on"}),
        (
            "set_away_mode",
            "water_heater",
            {"away_mode": False},
            {"away": False},
            {"away_mode": "off"},
        ),
        ("turn_off", "water_heater", {}, {"operation": "off"}, _is("off")),
        ("turn_on", "water_heater", {}, {"operation": "electric"}, _is("electric")),
        (
            "set_temperature",
            "water_heater_plain",
            {"temperature": 60},
            {"target_temperature": 140},
            {"temperature": 60},
        ),
    ],
}

REFUSALS: dict[str, list[Refusal]] = {
    "alarm_control_panel": [
        (
            "alarm_arm_home",
            "alarm_with_code",
            {},
            "alarm_control_panel",
            "code_arm_required",
        ),
        ("alarm_disarm", "alarm_with_code", {"code": "0000"}, "secure_pair", "command_failed"),
        ("alarm_disarm", "alarm_with_word", {}, "secure_pair", "command_failed"),
    ],
    "climate": [
        ("set_temperature", "climate", {"temperature": 36}, "climate", "temp_out_of_range"),
        (
            "set_temperature",
            "climate",
            {"target_temp_low": 20, "target_temp_high": 10},
            "climate",
            "low_temp_higher_than_high_temp",
        ),
        (
            "set_preset_mode",
            "climate",
            {"preset_mode": "party"},
            "climate",
            "not_valid_preset_mode",
        ),
    ],
    "fan": [
        ("set_preset_mode", "fan", {"preset_mode": "storm"}, "fan", "not_valid_preset_mode"),
        ("set_direction", "fan", {"direction": "up"}, "secure_pair", "command_failed"),
    ],
    "lock": [
        ("unlock", "lock_with_code", {}, "lock", "add_default_code"),
        ("unlock", "lock_with_code", {"code": "12"}, "lock", "add_default_code"),
        ("unlock", "lock_with_code", {"code": "4321"}, "secure_pair", "command_failed"),
    ],
    "number": [("set_value", "number_box", {"value": 11}, "number", "out_of_range")],
    "select": [
        ("select_option", "select", {"option": "pink"}, "select", "not_valid_option"),
    ],
    "update": [
        ("install", "update", {"version": "9.9.9"}, "secure_pair", "command_failed"),
    ],
    "water_heater": [
        (
            "set_temperature",
            "water_heater",
            {"temperature": 50, "operation_mode": "solar"},
            "secure_pair",
            "command_failed",
        ),
    ],
}
