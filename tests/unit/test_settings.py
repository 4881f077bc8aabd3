from __future__ import annotations

import os
from collections.abc import Callable
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from pmsbridge.errors import ConfigurationError
from pmsbridge.model.wrong_values import shape_of
from pmsbridge.secrets import ReferenceSecrets
from pmsbridge.settings import AccountSettings, StoreSettings, load_settings
from pmsbridge.settings.changing import version_of

CANARY = "tr0ub4dor-canary"
ONE_ACCOUNT = '[accounts.main]\nsystem = "sitelink"\n'


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str) -> Path:
        path = tmp_path / "pmsbridge.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def refusal(path: Path | None, env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, env or {})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)


def test_the_defaults_are_complete(write: Write) -> None:
    settings = load_settings(write(ONE_ACCOUNT), {})

    assert settings.store.url.endswith("/pmsbridge.db")
    assert settings.schedule.nightly == time(2, 30)
    assert settings.engine.action_deadline == timedelta(minutes=15)
    assert settings.engine.settle_window is None
    assert settings.mail.host is None
    assert not settings.log.is_json


def test_several_accounts_with_several_facilities_fit_one_file(write: Write) -> None:
    settings = load_settings(
        write(
            """
            [accounts.east]
            system = "sitelink"
            options = { corp_code = "E1", facilities = [{ code = "L001" }, { code = "L002" }] }
            [accounts.west]
            system = "rest"
            """
        ),
        {},
    )

    assert list(settings.accounts) == ["east", "west"]
    assert [row["code"] for row in settings.accounts["east"].options["facilities"]] == ["L001", "L002"]


def test_a_relative_store_path_is_relative_to_its_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")

    settings = load_settings(write('[store]\nurl = "sqlite:///data/x.db"\n' + ONE_ACCOUNT), {})

    assert settings.store.url == f"sqlite:///{tmp_path}/data/x.db"
    assert settings.file == tmp_path / "pmsbridge.toml"
    assert settings.folder == tmp_path


@pytest.mark.parametrize("url", ["sqlite:////var/x.db", "sqlite://", "sqlite:///:memory:", "postgresql://u@h/d"])
def test_an_absolute_store_address_stays_as_it_is(url: str) -> None:
    assert StoreSettings(url=url).below(Path("/etc")).url == url


def test_the_environment_wins_over_the_file(write: Write) -> None:
    env = {"PMSBRIDGE_MAIL__HOST": "mail.example", "PMSBRIDGE_ACCOUNTS__MAIN__OPTIONS__CORP_CODE": "FROM-ENV"}
    file = write(
        '[mail]\nhost = "file.example"\nport = 2525\n' + ONE_ACCOUNT + '[accounts.main.options]\ncorp_code = "F"'
    )

    settings = load_settings(file, env)

    assert (settings.mail.host, settings.mail.port) == ("mail.example", 2525)
    assert settings.accounts["main"].options == {"corp_code": "FROM-ENV"}
    assert settings.accounts["main"].system == "sitelink"


def test_only_the_environment_handed_over_is_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMSBRIDGE_MAIL__HOST", "leaked.example")

    assert load_settings(write(ONE_ACCOUNT), {}).mail.host is None


def test_the_environment_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    settings = load_settings(None, {"PMSBRIDGE_ACCOUNTS__MAIN__SYSTEM": "sitelink"})

    assert settings.file is None
    assert settings.store.url == f"sqlite:///{tmp_path}/pmsbridge.db"


def test_the_file_is_searched_explicit_then_variable_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {name: tmp_path / name for name in ("pmsbridge.toml", "variable.toml", "explicit.toml")}
    for path in files.values():
        path.write_text(ONE_ACCOUNT)
    env = {"PMSBRIDGE_CONFIG": str(files["variable.toml"])}

    assert load_settings(None, {}).file == files["pmsbridge.toml"]
    assert load_settings(None, env).file == files["variable.toml"]
    assert load_settings(files["explicit.toml"], env).file == files["explicit.toml"]


def test_a_decimal_in_the_file_or_the_environment_never_becomes_a_float(write: Write) -> None:
    env = {"PMSBRIDGE_ACCOUNTS": '{"env": {"system": "x", "options": {"rate": 0.1}}}'}

    settings = load_settings(write(ONE_ACCOUNT + "[accounts.main.options]\nrate = 0.1\n"), env)

    assert settings.accounts["main"].options["rate"] == Decimal("0.1")
    assert settings.accounts["env"].options["rate"] == Decimal("0.1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[mial]\nhost = "x"\n', "mial: no such key. Did you mean mail?"),
        ('[mail]\nhsot = "x"\n', "mail.hsot: no such key. Did you mean host?"),
        ('[accounts.main]\nsytem = "x"\n', "accounts.main.sytem: no such key. Did you mean system?"),
        ("[accounts.main]\n", "accounts.main.system: missing. Add it."),
        ('[mail]\nzzz = "x"\n', "mail.zzz: no such key. Known: host, password, port, sender, starttls, username."),
        (
            '[mail]\nport = "many"\n',
            "mail.port: not a whole number; write it without quotes (given: text of 4",
        ),
        ("[mail]\nport = 70000\n", "mail.port: must be at most 65535 (given: a whole number)"),
        ('[log]\nlevel = "loud"\n', "log.level: must be one of 'debug', 'info', 'warning' or 'error'"),
        ("[engine]\nsettle_window = 5\n", "engine.settle_window: not a duration; write a number and a unit"),
        ('[schedule]\nnightly = "half past two"\n', 'schedule.nightly: not a time of day; write it as "02:30"'),
        ('[store]\nurl = "pmsbridge.db"\n', "store.url: not a database address such as sqlite:///pmsbridge.db"),
        (
            '[mail]\nusername = "u"\n',
            "mail.password: goes together with username; set both or neither (given",
        ),
        ('[accounts.Main]\nsystem = "x"\n', "accounts.Main: no name; a name is a small letter"),
        ("store = 5\n", "store: not a table of keys and values (given: a whole number)."),
        (
            '[mail]\nsender = "us"\n',
            "mail.sender: not one mail address without a name, such as office@exa",
        ),
        ('[notices]\naddresses = "a@b.example"\n', "notices.addresses: not a list; put it in [ ] (given: text of 11"),
        ('[dispatch]\nsweep_every = "1ms"\n', 'dispatch.sweep_every: must be at least "100ms" (given: text of 3'),
        ('[store]\nkeep_untold = "1d"\n', "store.keep_untold: must not be shorter than keep_feeds (given: text of 2"),
        (
            f'{ONE_ACCOUNT}[notices.places."L001"]\nlanguage = "fr"\n',
            "notices.places.L001: not an account, nor a",
        ),
        (
            f'{ONE_ACCOUNT}[notices.places.mian]\nlanguage = "fr"\n',
            "notices.places: no account is called mian; there",
        ),
        (f'{ONE_ACCOUNT}[portal.places."L001"]\nopens_with = "billing"\n', "portal.places.L001: not an account, nor a"),
        (
            f'{ONE_ACCOUNT}[portal.places.mian]\nopens_with = "billing"\n',
            "portal.places: no account is called mian; there",
        ),
    ],
)
def test_a_mistake_names_file_key_shape_and_remedy(write: Write, text: str, expected: str) -> None:
    path = write(text)

    message = refusal(path)

    assert expected in message
    assert message.startswith(f"{path}: ")


def test_all_mistakes_of_a_file_come_in_one_error(write: Write) -> None:
    message = refusal(write('[mial]\nhost = "x"\n[mail]\nport = "many"\n[log]\nlevel = "loud"\n'))

    assert len(message.splitlines()) == 3


def test_a_mistake_in_the_environment_names_the_variable(write: Write) -> None:
    message = refusal(write(ONE_ACCOUNT), {"PMSBRIDGE_MAIL__PORT": "many"})

    assert message.startswith("PMSBRIDGE_MAIL__PORT: mail.port:")


def test_a_variable_of_an_unknown_section_is_refused_with_a_suggestion(write: Write) -> None:
    message = refusal(write(ONE_ACCOUNT), {"PMSBRIDGE_STOER__URL": "sqlite://"})

    assert message == "PMSBRIDGE_STOER__URL: no such section. Did you mean PMSBRIDGE_STORE__...?"


def test_a_variable_that_keeps_a_secret_is_not_a_setting(write: Write) -> None:
    load_settings(write(ONE_ACCOUNT), {"PMSBRIDGE_SITELINK_PASSWORD": CANARY})


def test_broken_toml_names_the_line_and_repeats_nothing(write: Write) -> None:
    message = refusal(write(f'[mail]\npassword = "{CANARY}\n'))

    assert "not valid TOML at line 2, column" in message
    assert CANARY not in message


def test_broken_json_in_a_variable_is_refused_without_repeating_it(write: Write) -> None:
    message = refusal(write(ONE_ACCOUNT), {"PMSBRIDGE_ACCOUNTS": f'{{"main": "{CANARY}'})

    assert message == "PMSBRIDGE_ACCOUNTS: not valid JSON for a whole section."


@pytest.mark.parametrize(
    "text",
    [
        f'[mail]\nusername = "u"\npassword = "{CANARY}"\n',
        f'[store]\npassword = "{CANARY}"\n',
        f'[store]\nurl = "postgresql://u:{CANARY}@h/d"\n',
        ONE_ACCOUNT + f'[accounts.main.options]\npassword = "{CANARY}"\n',
        ONE_ACCOUNT + f'[accounts.main.options]\nlicense_key = "{CANARY}"\n',
        ONE_ACCOUNT + f'[accounts.main.options.deep]\napi_token = "{CANARY}"\n',
    ],
)
def test_a_secret_where_a_reference_is_wanted_is_refused_and_not_repeated(write: Write, text: str) -> None:
    message = refusal(write(text))

    assert "env:NAME" in message
    assert CANARY not in message


def test_no_secret_is_in_a_repr_or_dump(write: Write) -> None:
    env = {"SMTP_PASSWORD": CANARY, "PMSBRIDGE_MAIL__USERNAME": "u", "PMSBRIDGE_MAIL__PASSWORD": "env:SMTP_PASSWORD"}

    settings = load_settings(write(ONE_ACCOUNT + '[accounts.main.options]\nnote = "options are not shown"\n'), env)

    assert CANARY not in repr(settings) + settings.model_dump_json()
    assert "options are not shown" not in repr(settings)


def test_the_store_password_reaches_the_driver_only() -> None:
    store = StoreSettings(url="postgresql://app@db.example/pms", password="env:DB")

    address = store.address(ReferenceSecrets(env={"DB": "a/b@c"}))

    assert address == "postgresql://app:a%2Fb%40c@db.example/pms"
    assert "a/b@c" not in repr(store)


def test_a_missing_file_says_how_to_write_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert "Run 'pmsbridge init'" in refusal(None)
    assert "no such file" in refusal(tmp_path / "nope.toml")
    assert "no such file" in refusal(None, {"PMSBRIDGE_CONFIG": "nope.toml"})


def test_settings_without_an_account_are_refused(write: Write) -> None:
    assert "no account is set" in refusal(write(""))


def test_settings_cannot_be_changed(write: Write) -> None:
    settings = load_settings(write(ONE_ACCOUNT), {})

    with pytest.raises(Exception, match="frozen"):
        settings.store = StoreSettings()  # type: ignore[misc]


def test_never_switches_the_nightly_run_off(write: Write) -> None:
    assert load_settings(write('[schedule]\nnightly = "never"\n' + ONE_ACCOUNT), {}).schedule.nightly is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("90s", timedelta(seconds=90)),
        ("12 h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_duration_is_written_with_its_unit(write: Write, text: str, expected: timedelta) -> None:
    settings = load_settings(write(f'[engine]\nsettle_window = "{text}"\n' + ONE_ACCOUNT), {})

    assert settings.engine.settle_window == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (CANARY, "text of 16 characters"),
        (5, "a whole number"),
        (True, "true or false"),
        (Decimal("0.5"), "a number"),
        ({"a": 1}, "a table of 1 keys"),
        ([1, 2], "a list of 2"),
        (time(2, 30), "a date or time"),
        (object(), "another kind of value"),
    ],
)
def test_a_shape_never_says_the_value(value: object, expected: str) -> None:
    assert shape_of(value) == expected


# -- whether a person has changed something ----------------------------------------------------------------------------


def test_the_version_of_an_account_changes_with_its_settings_and_the_files_of_its_secrets(tmp_path: Path) -> None:
    def version(**options: object) -> str:
        return version_of(AccountSettings(system="memory", options=options), tmp_path)

    before = version(user="portal", password="file:secret")
    assert version(user="portal", password="file:secret") == before
    assert version(user="other", password="file:secret") != before
    (tmp_path / "secret").write_text(CANARY)
    written = version(user="portal", password="file:secret")
    assert written != before
    os.utime(tmp_path / "secret", ns=(1, 1))

    assert version(user="portal", password="file:secret") != written
    assert version(facilities=[{"code": "L001"}]) != version(facilities=[{"code": "L002"}])


def test_the_version_of_an_account_is_made_of_no_secret_and_of_letters(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    versions = set()
    for text in (CANARY, "another"):
        secret.write_text(text)
        os.utime(secret, ns=(1, 1))
        versions.add(version_of(AccountSettings(system="memory", options={"password": "file:secret"}), tmp_path))

    assert len(versions) == 1
    assert versions.pop().isalpha()


LIBRARY_WORDS = ("should", "pattern", "^", "validation", "valid ", "dictionary", "tuple", "Value error", "Input")


@pytest.mark.parametrize(
    ("table", "place", "problem"),
    [
        ('events = ["tenants.*"]', "events.0", "no such type of message; did you mean tenant.*?"),
        ("events = []", "events", "needs at least 1 entry (given: a list of 0)"),
        ('url = "http://hooks.example.com/x"', "url", "must be https; plain http is for this machine alone"),
        ('facilities = ["L001"]', "facilities.0", 'write "ACCOUNT" or "ACCOUNT/FACILITY", such as "main/L001"'),
        ('timeout = "2h"', "timeout", 'must be at most "1m" (given: text of 2 characters)'),
        ('retries = ["5"]', "retries.0", "not a duration"),
        ("allow_private = 3", "allow_private", "not true or false"),
        ("ca_bundle = 3", "ca_bundle", "not the path of a file"),
        ("secret = 3", "secret", "not a text; put it in quotes (given: a whole number)"),
    ],
)
def test_an_endpoint_goes_by_its_name_and_one_mistake_is_one_line(
    write: Write, table: str, place: str, problem: str
) -> None:
    given = {"name": '"crm"', "url": '"https://hooks.example.com/x"', "secret": '"env:CRM"'}
    name, _, value = table.partition(" = ")
    lines = "\n".join(f"{key} = {word}" for key, word in {**given, name: value}.items())
    path = write(f"{ONE_ACCOUNT}\n[[webhooks]]\n{lines}\n")

    message = refusal(path)

    assert message.startswith(f'{path}: webhooks "crm": {place}: ')
    assert problem in message
    assert "\n" not in message
    assert not [word for word in LIBRARY_WORDS if word in message]


@pytest.mark.parametrize("name", ["Crm", "4111111111111111", "a4111111111111111"])
def test_an_endpoint_whose_name_is_none_goes_by_its_place(write: Write, name: str) -> None:
    path = write(f'{ONE_ACCOUNT}\n[[webhooks]]\nname = "{name}"\nurl = "x"\nsecret = "env:CRM"\n')

    message = refusal(path)
    path.unlink()  # some of these names look like a card number

    assert message.startswith(f"{path}: webhooks.0: ")
    assert name not in message


def test_two_endpoints_of_one_name_are_told_with_the_file_and_the_key(write: Write) -> None:
    each = '[[webhooks]]\nname = "crm"\nurl = "https://hooks.example.com/x"\nsecret = "env:CRM"\n'
    path = write(f"{ONE_ACCOUNT}\n{each}{each}")

    assert refusal(path) == f"{path}: webhooks: two are called crm; give each a name of its own (given: a list of 2)."


@pytest.mark.parametrize(("said", "kept"), [("730d", timedelta(days=730)), ("for good", None)])
def test_people_are_kept_for_a_time_or_for_good(said: str, kept: timedelta | None) -> None:
    assert StoreSettings.model_validate({"keep_people": said}).keep_people == kept
    assert StoreSettings().keep_people is None


@pytest.mark.parametrize("said", ["89d", "0d", "never", ""])
def test_people_are_not_kept_for_less_than_a_season(said: str) -> None:
    with pytest.raises(ValidationError, match="keep_people"):
        StoreSettings.model_validate({"keep_people": said})
