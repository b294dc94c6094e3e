"""What the filters and the codec do to sound, measured: ``python -m tests.bench.audio_quality``.

The references are ideal: band-limiting and changes of rate by the Fourier transform of a whole clip.
"""

import io
import shutil
import subprocess
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

import gateway.emulators
from gateway.audio import mulaw
from gateway.audio.tones import lag, silence, sine, snr_db, tone_level_dbfs
from gateway.audio.transcode import AgentToCaller, CallerToAgent
from tests.filters import Downsampler, Upsampler

LINE = 8000
AGENT = 24000
SPEECH_HZ = range(300, 3401, 20)
OTHER_HZ = range(4600, 12000, 20)
SIBILANTS = (
    "She sells sea shells. Your order four five six ships on Saturday, just after six. "
    "Our address is sixty six Church Street. Thanks for choosing us: is there anything else?"
)
RECORDINGS = Path(gateway.emulators.__file__).parent / "speech"

Sound = NDArray[np.int16]


def recordings(side: str) -> dict[str, Sound]:
    """The clips of one side, "agent" or "caller", by name: 24 kHz, cut to a whole number of line samples."""
    clips = {}
    for path in sorted(RECORDINGS.glob(f"{side}-*.flac")):
        samples, rate = soundfile.read(path, dtype="int16")
        assert rate == AGENT, path
        clips[path.stem] = samples[: len(samples) // 6 * 6]
    return clips


def joined(side: str) -> Sound:
    """All clips of one side in a row: PESQ wants some seconds of speech, which not every clip has."""
    return np.concatenate(list(recordings(side).values()))


def full_band_speech() -> Sound | None:
    """Speech rich in sibilants, up to 11 kHz as a voice agent's may be; None if espeak-ng is not installed.

    The recorded clips end at 3.6 kHz, so they say nothing about the band where the filter falls.
    """
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        return None
    said = subprocess.run([espeak, "--stdout", SIBILANTS], check=True, capture_output=True, timeout=30)
    samples, rate = soundfile.read(io.BytesIO(said.stdout), dtype="int16")
    samples = samples[: len(samples) // 147 * 147]  # 22050 to 24000 Hz is 147 to 160
    assert rate == 22050
    speech = ideal(samples, rate, AGENT)
    return rounded(speech[: len(speech) // 6 * 6] * 20000 / np.max(np.abs(speech)))


def below_3400_hz(samples: Sound | NDArray[np.float64]) -> NDArray[np.float64]:
    """Samples of the line, ideally cut to the band of the telephone."""
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / LINE) > 3400] = 0
    return np.asarray(np.fft.irfft(spectrum, len(samples)), np.float64)


def ideal(samples: Sound, rate: int, to_rate: int) -> NDArray[np.float64]:
    """The same sound at another rate: nothing above half the lower rate is kept, nothing below it changed."""
    count = len(samples) * to_rate // rate
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(count // 2 + 1, np.complex128)
    # The bin at half the rate stands for two that cannot be told apart: it is left out.
    shared = min(len(spectrum), len(kept)) - 1
    kept[:shared] = spectrum[:shared]
    return np.asarray(np.fft.irfft(kept, count) * (to_rate / rate), np.float64)


def rounded(samples: NDArray[np.float64]) -> Sound:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def on_the_line(speech: Sound) -> bytes:
    """What a caller's 24 kHz speech is as mu-law."""
    return mulaw.encode(rounded(ideal(speech, AGENT, LINE)))


def to_agent(line: bytes) -> Sound:
    """What the agent hears, the filter's tail included."""
    pcm = CallerToAgent().feed(line + bytes([mulaw.SILENCE] * mulaw.FRAME))
    return np.frombuffer(pcm, "<i2").astype(np.int16)


def to_caller(speech: Sound) -> Sound:
    """What the caller's line plays, the filter's tail included."""
    agent = AgentToCaller()
    return mulaw.decode(agent.feed(speech.astype("<i2").tobytes()) + agent.flush())


def snr_up_db(speech: Sound) -> float:
    """The agent's PCM against the decoded line, ideally interpolated."""
    line = on_the_line(speech)
    return snr_db(ideal(mulaw.decode(line), LINE, AGENT), to_agent(line))


def snr_down_db(speech: Sound) -> float:
    """The decoded line against the agent's speech, ideally band-limited to 4 kHz: mu-law's noise counts."""
    return snr_db(ideal(speech, AGENT, LINE), to_caller(speech))


def snr_down_below_3400_hz_db(speech: Sound) -> float:
    """The same in the band of the telephone only."""
    return snr_db(below_3400_hz(ideal(speech, AGENT, LINE)), below_3400_hz(to_caller(speech)))


def snr_of_mulaw_db(speech: Sound) -> float:
    """The agent's speech through an ideal filter and mu-law: as much as any gateway can reach."""
    return snr_db(ideal(speech, AGENT, LINE), mulaw.decode(on_the_line(speech)))


def pesq_up(speech: Sound) -> float:
    """Narrow band at 8 kHz: the agent's PCM, ideally brought down to 8 kHz, against the decoded line."""
    line = on_the_line(speech)
    return pesq(mulaw.decode(line), rounded(ideal(to_agent(line), AGENT, LINE)))


def pesq_down(speech: Sound) -> float:
    """Narrow band at 8 kHz: the decoded line against the agent's speech, ideally brought down to 8 kHz."""
    return pesq(rounded(ideal(speech, AGENT, LINE)), to_caller(speech))


def pesq_of_mulaw(speech: Sound) -> float:
    """The score of an ideal filter and mu-law: as much as any gateway can reach."""
    return pesq(rounded(ideal(speech, AGENT, LINE)), mulaw.decode(on_the_line(speech)))


def pesq(reference: Sound, heard: Sound) -> float:
    """The score of ITU-T P.862 mapped to listeners' opinions, 4.55 at best; needs the package ``pesq``."""
    import pesq  # not among the requirements of the tests

    return float(pesq.pesq(LINE, reference, heard, "nb"))


def alias_of(frequency_hz: int) -> int:
    """Where a tone at 24 kHz lands when every third sample of it is taken."""
    return abs(frequency_hz - LINE * round(frequency_hz / LINE))


def five_khz_attenuation_db() -> float:
    """How far down an agent's tone of 5 kHz comes back at 3 kHz on the line, mu-law included."""
    heard = to_caller(sine(5000, 0.3, AGENT, -3))[LINE // 20 :][: LINE // 5]
    return -3 - tone_level_dbfs(heard, LINE, alias_of(5000))


def five_khz_attenuation_by_ratecv_db() -> float:
    """The same by the standard library's resampler."""
    import audioop

    low, _ = audioop.ratecv(sine(5000, 0.3, AGENT, -3).tobytes(), 2, 1, AGENT, LINE, None)
    heard = np.frombuffer(low, np.int16)[LINE // 20 :][: LINE // 5]
    return -3 - tone_level_dbfs(heard, LINE, alias_of(5000))


def through(direction: Upsampler | Downsampler, tone_hz: int) -> Sound:
    """A tone of full scale after the filter, cut to a quarter of a second: whole periods of any used here."""
    rate, to_rate = (LINE, AGENT) if isinstance(direction, Upsampler) else (AGENT, LINE)
    return direction.filter(sine(tone_hz, 0.3, rate, 0))[-to_rate // 4 :]


def ripple_up_db() -> float:
    return max(abs(tone_level_dbfs(through(Upsampler(), hz), AGENT, hz)) for hz in SPEECH_HZ)


def ripple_down_db() -> float:
    return max(abs(tone_level_dbfs(through(Downsampler(), hz), LINE, hz)) for hz in SPEECH_HZ)


def image_attenuation_db() -> float:
    """The strongest of both images of any speech tone."""
    heard = ((hz, through(Upsampler(), hz)) for hz in SPEECH_HZ)
    return -max(
        tone_level_dbfs(sound, AGENT, image) for hz, sound in heard for image in (LINE - hz, LINE + hz)
    )


def alias_attenuation_db() -> float:
    """The strongest alias of any tone from 4.6 kHz on; 8 kHz, which folds to 0 Hz, is no tone there."""
    tones = (hz for hz in OTHER_HZ if alias_of(hz))
    return -max(tone_level_dbfs(through(Downsampler(), hz), LINE, alias_of(hz)) for hz in tones)


def delay_up_ms() -> float:
    click = silence(0.02, LINE)
    click[10] = 20000
    return 1000 * lag(rounded(ideal(click, LINE, AGENT)), Upsampler().filter(click)) / AGENT


def delay_down_ms() -> float:
    click = rounded(ideal(np.eye(1, 160, 10, dtype=np.int16)[0] * np.int16(20000), LINE, AGENT))
    return 1000 * lag(rounded(ideal(click, AGENT, LINE)), Downsampler().filter(click)) / LINE


def microseconds(step: Callable[[], object]) -> float:
    """The time of one call, the median of nine runs."""
    runs = timeit.repeat(step, number=1000, repeat=9)
    return float(np.median(runs)) * 1000


def timings() -> dict[str, tuple[float, float]]:
    """Microseconds to carry 20 ms each way, ours and by ``audioop.ratecv``, in the same run."""
    import audioop

    pcm = sine(1000, 0.02, AGENT, -6).tobytes()
    line = on_the_line(np.frombuffer(pcm, np.int16))
    caller, agent = CallerToAgent(), AgentToCaller()

    def plain_up() -> bytes:
        return audioop.ratecv(audioop.ulaw2lin(line, 2), 2, 1, LINE, AGENT, None)[0]

    def plain_down() -> bytes:
        return audioop.lin2ulaw(audioop.ratecv(pcm, 2, 1, AGENT, LINE, None)[0], 2)

    return {
        "up": (microseconds(lambda: caller.feed(line)), microseconds(plain_up)),
        "down": (microseconds(lambda: agent.feed(pcm)), microseconds(plain_down)),
    }


def report() -> list[str]:
    """Every figure, one a line."""
    lines = [
        f"ripple, 300 to 3400 Hz           up {ripple_up_db():6.3f} dB   down {ripple_down_db():6.3f} dB",
        f"images from 4.6 kHz on           up {image_attenuation_db():6.1f} dB down",
        f"aliases from 4.6 kHz on                          down {alias_attenuation_db():6.1f} dB down",
        f"delay                            up {delay_up_ms():6.3f} ms   down {delay_down_ms():6.3f} ms",
        f"agent's 5 kHz tone, heard at 3 kHz: {five_khz_attenuation_db():.1f} dB down "
        f"(audioop.ratecv: {five_khz_attenuation_by_ratecv_db():.1f} dB)",
    ]
    for way, (ours, plain) in timings().items():
        lines.append(
            f"20 ms {way:4}: {ours:5.1f} us, {ours / plain:.1f} times audioop.ratecv ({plain:.1f} us)"
        )
    return lines + clips_report() + full_band_report()


def clips_report() -> list[str]:
    """The figures of the recorded clips: SNR of each, PESQ of all of a side in a row."""
    callers, agents = recordings("caller").values(), recordings("agent").values()
    return [
        f"recorded clips, SNR up:    {worst_and_median([snr_up_db(clip) for clip in callers])}",
        f"recorded clips, SNR down:  {worst_and_median([snr_down_db(clip) for clip in agents])}",
        f"    mu-law alone:          {worst_and_median([snr_of_mulaw_db(clip) for clip in agents])}",
        f"recorded clips, PESQ up:   {scored(pesq_up, joined('caller'))}",
        f"recorded clips, PESQ down: {scored(pesq_down, joined('agent'))}",
        f"    mu-law alone:          {scored(pesq_of_mulaw, joined('agent'))}",
    ]


def full_band_report() -> list[str]:
    """The same of speech that does not end below the filter's edge."""
    speech = full_band_speech()
    if speech is None:
        return ["full-band speech: not measured: espeak-ng is not installed"]
    return [
        f"full-band speech, SNR up:    {snr_up_db(speech):.1f} dB of the band up to 4 kHz",
        f"full-band speech, SNR down:  {snr_down_db(speech):.1f} dB of the band up to 4 kHz, "
        f"{snr_down_below_3400_hz_db(speech):.1f} dB up to 3.4 kHz",
        f"    mu-law alone:            {snr_of_mulaw_db(speech):.1f} dB",
        f"full-band speech, PESQ up:   {scored(pesq_up, speech)}",
        f"full-band speech, PESQ down: {scored(pesq_down, speech)}",
        f"    mu-law alone:            {scored(pesq_of_mulaw, speech)}",
    ]


def scored(score: Callable[[Sound], float], speech: Sound) -> str:
    try:
        return f"{score(speech):.2f} (narrow band)"
    except ModuleNotFoundError:
        return "not measured: pesq is not installed"


def worst_and_median(values: list[float]) -> str:
    return f"{min(values):.1f} dB at worst, median {float(np.median(values)):.1f} dB of {len(values)} clips"


def main() -> None:
    """Print every figure."""
    sys.stdout.write("\n".join(report()) + "\n")


if __name__ == "__main__":
    main()
