"""The videos of a job: its speech and subtitles, beside the picture they belong to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audio_io.wav import WavFile
from audio_io.whole_file import WholeFile
from engine.batch.job import VIDEO, BatchPlan, Job

if TYPE_CHECKING:
    from audio_io.recordings.film import Filmed


@dataclass(frozen=True, slots=True)
class Film:
    """One that will be made when all else is complete."""

    whole: WholeFile
    job: Job
    language: str
    speech: WavFile
    subtitles: WholeFile

    def write(self) -> None:
        """Speech and subtitles are complete now. Raises a `SoundFileError` or `OutputError`."""
        from audio_io.recordings.film import Dub, write_film  # brings av and soundfile

        language = self.language.partition("_")[0]  # tracks tell no script
        dub = Dub(self.speech.part, self.subtitles.part, language)
        write_film(self.whole.open_binary(), _filmed(self.job), dub)


def check_films(job: Job, plan: BatchPlan) -> None:
    """Raise a `SoundFileError` where the videos of a job cannot be made."""
    if any(form == VIDEO for _, form in job.outputs(plan)):
        from audio_io.recordings.film import check_film  # as above

        check_film(_filmed(job))


def _filmed(job: Job) -> "Filmed":
    from audio_io.recordings.film import Filmed  # as above

    assert job.input.path is not None  # whoever plans sees to it
    assert job.request is not None
    return Filmed(job.input.path, job.input.sound, job.request.source or "")
