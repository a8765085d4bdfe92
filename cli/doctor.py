"""`s2st doctor`: what works on this machine, what is missing, and the line that mends it.

Nothing is taken on trust: the recogniser listens, the translator translates, the voice speaks.
"""

import typer

from cli.options.shared import Json


def doctor(json: Json = False) -> None:
    """Try every part and say what works, what is missing, and what to type.

    Exit code 0 when the default engine works, else 1.
    """
    from cli.checkup import findings
    from engine.text.records import as_line

    healthy = True
    for finding in findings():
        healthy = healthy and (finding.works or not finding.needed)
        if json:
            record = {
                "name": finding.name,
                "works": finding.works,
                "needed": finding.needed,
                "seen": finding.seen,
                "remedy": finding.remedy or None,
            }
            print(as_line(record))
            continue
        mark = "ok     " if finding.works else "MISSING" if finding.needed else "absent "
        print(f"{mark}  {finding.name}: {finding.seen}")
        if finding.remedy and not finding.works:
            print(f"         {finding.remedy}")
    raise typer.Exit(0 if healthy else 1)
