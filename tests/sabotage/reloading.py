"""P37: rules that are saved come into force, whichever way they are saved."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CHANGES = "tests/rules/test_changes.py::"

BREAKAGES = (
    Breakage(
        "believe the system alone when rules change",
        "P37",
        "gateway/rules/changes.py",
        "                if told or changed:\n",
        "                if told:\n",
        (
            f"{CHANGES}test_p37_a_link_to_a_directory_that_leads_elsewhere",
            f"{CHANGES}test_p37_a_file_that_a_link_leads_to",
        ),
    ),
    Breakage(
        "watch on where another directory stands",
        "P37",
        "gateway/rules/changes.py",
        "                    break  # another one",
        "                    pass  # another one",
        (f"{CHANGES}test_p37_what_is_saved_in_another_directory_is_told_at_once",),
    ),
    Breakage(
        "end the gateway when the system can not watch its rules",
        "P37",
        "gateway/rules/changes.py",
        "    except* (OSError, RuntimeError) as failed:",
        "    except* KeyError as failed:",
        (
            f"{CHANGES}test_p37_a_files_name_that_is_not_utf8_ends_nothing",
            f"{CHANGES}test_p37_where_the_system_has_no_room_to_watch",
        ),
    ),
    Breakage(
        "forget what was saved before anybody watched",
        "P37",
        "gateway/rules/changes.py",
        "    seen = before\n",
        "    seen = await asyncio.to_thread(look, directory)\n",
        (f"{CHANGES}test_p37_what_is_saved_before_anybody_watches",),
    ),
    Breakage(
        "wait for what a pipe has to say",
        "P37",
        "gateway/rules/load.py",
        '        elif path.suffix == ".yaml" and _is_pipe(path):',
        "        elif False:",
        (f"{CHANGES}test_p37_a_pipe_holds_nobody_up",),
    ),
    Breakage(
        "end the watching of rules for a link that can not be followed",
        "P37",
        "gateway/rules/changes.py",
        "for folder in here for path in _inside(folder)]",
        "for folder in here if folder.is_dir() for path in _inside(folder)]",
        (
            f"{CHANGES}test_p37_a_link_that_can_not_be_followed_ends_nothing",
            f"{CHANGES}test_p37_a_pack_that_can_not_be_looked_at_is_told",
        ),
    ),
    Breakage(
        "look at files of any name for pipes among the rules",
        "P37",
        "gateway/rules/load.py",
        'elif path.suffix == ".yaml" and _is_pipe(path):',
        "elif path.is_fifo():",
        (
            f"{CHANGES}test_p37_a_link_that_can_not_be_followed_ends_nothing",
            f"{CHANGES}test_p37_a_pipe_of_another_name_is_none_of_ours",
        ),
    ),
    Breakage(
        "take a pack that can not be looked at for an error of ours",
        "P37",
        "gateway/rules/load.py",
        "    except OSError:  # where a link leads",
        "    except KeyError:  # where a link leads",
        (f"{CHANGES}test_p37_a_pack_that_can_not_be_looked_at_is_told",),
    ),
)
