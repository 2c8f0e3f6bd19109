"""A plug-in of asv: `asv publish` writes the report as well, and pages that load nothing from elsewhere."""

from pathlib import Path
from typing import Any

from asv.commands.publish import Publish
from asv.console import log
from asv.publishing import OutputPublisher

from benchmarks.site.commits import CommitError, baselines, history


class Report(OutputPublisher):
    """The report, in the folder ``report`` of the site."""

    name = "report"
    button_label = "Report: before and after"
    description = "What changed between two commits, by how much, how sure, and where in the code"

    @classmethod
    def publish(cls, conf: Any, repo: Any, benchmarks: Any, graphs: Any, revisions: Any) -> None:
        """Called by asv with all that it has read.

        The report leaves out what `asv publish RANGE` does, but has commits that no branch of this clone holds.
        """
        from benchmarks.site.pages import write
        from benchmarks.site.results import Series, read

        for name, benchmark in benchmarks.items():  # or the trend pages take less of what is tracked for worse
            benchmark["less_is_better"] = Series(name).family.better < 1
        results = Path(conf.results_dir)
        runs = read(results)
        measured = {commit for found in runs.values() for commit in found}
        left_out = repo.get_revisions(measured).keys() - revisions.keys()
        for found in runs.values():
            for commit in left_out & found.keys():
                del found[commit]
        try:
            named = baselines()
        except CommitError as error:
            log.warning(f"no baselines: {error}")
            named = {}
        known = history(measured)
        write(Path(conf.html_dir, "report"), runs, results, known, named, conf.project)


def setup() -> None:
    """Called by asv when it loads this plug-in: lets `asv publish` end with pages that need no network.

    asv writes its index after all publishers, and has no hook behind that; nor one before it removes the site.
    """
    original = Publish.run
    if hasattr(original, "makes_offline"):
        return

    def run(conf: Any, *arguments: Any, **options: Any) -> Any:
        from benchmarks.site.offline import make_offline
        from benchmarks.site.results import check

        check(Path(conf.results_dir))  # while the site that was published last is still there
        done = original(conf, *arguments, **options)
        make_offline(Path(conf.html_dir), conf.project)
        return done

    run.makes_offline = True  # type: ignore[attr-defined]
    Publish.run = run
