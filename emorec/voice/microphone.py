"""A recording from the microphone: in a browser on Colab, by the library sounddevice on one's own computer."""

import base64

import numpy as np

from emorec.arguments import explained
from emorec.checks import real_number
from emorec.errors import BadInput, DataMissing
from emorec.voice.sound import RATE, Sound, as_sound

# Reads the microphone as numbers, so that no codec stands between it and the file; answers with base64 of int16.
_RECORDING = """
(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true});
  const context = new AudioContext(), parts = [];
  const source = context.createMediaStreamSource(stream), tap = context.createScriptProcessor(4096, 1, 1);
  tap.onaudioprocess = e => parts.push(Int16Array.from(e.inputBuffer.getChannelData(0), x => 32767 * x));
  source.connect(tap); tap.connect(context.destination);
  await new Promise(done => setTimeout(done, SECONDS * 1000));
  stream.getTracks().forEach(track => track.stop());
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return context.sampleRate + " " + btoa(text);
})()
"""


@explained
def record(seconds: float = 4.0) -> Sound:
    """Records from the microphone.

    Args:
        seconds: How long, 0.5 to 60.

    Returns:
        A `Sound` at 16 kHz.

    Raises:
        DataMissing: There is no microphone, or, outside of Colab, no library sounddevice.

    Example:
        >>> emorec.load("voice-emotion").predict(record(4))  # doctest: +SKIP
    """
    seconds = real_number("seconds", seconds, 0.5, 60)
    try:
        from google.colab.output import eval_js
    except ImportError:
        return _recorded_here(seconds)
    try:
        rate, data = eval_js(_RECORDING.replace("SECONDS", str(seconds))).split(" ", 1)
    except Exception as error:  # whatever the browser says: no microphone, no permission
        raise BadInput(f"The browser did not record ({error}): allow this page to use the microphone.") from error
    return _as_recording(np.frombuffer(base64.b64decode(data), dtype="<i2"), int(float(rate)))


def _recorded_here(seconds):
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the library PortAudio is not there
        raise DataMissing(
            "The library sounddevice, which reads the microphone,",
            how_to_get="pip install sounddevice",
            instead="record with any program, and give the file: predict(['me.wav']).",
        ) from error
    try:
        samples = sounddevice.rec(int(seconds * RATE), samplerate=RATE, channels=1, dtype="int16", blocking=True)
    except sounddevice.PortAudioError as error:
        raise DataMissing("A microphone", how_to_get=f"plug one in, and allow its use ({error})") from error
    return _as_recording(samples[:, 0], RATE)


def _as_recording(samples, rate):
    return as_sound(Sound(np.asarray(samples, dtype="float32") / 2**15, rate, "recording"))
