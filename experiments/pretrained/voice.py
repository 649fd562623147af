"""Trains the model voice-emotion on all of emodb-2s, and writes its file.

python -m experiments.pretrained.voice
"""

from dataclasses import replace

from emorec.pretrained.cards import FOLDER
from emorec.voice import VoiceClassifier
from experiments.voice import load

SETTINGS = {"encoder": "lda", "levelled": True}


def main() -> None:
    data, label_set = load("emodb-2s")
    classifier = VoiceClassifier(**SETTINGS).fit(replace(data, name="train"), label_set=label_set)
    print(classifier.save(FOLDER / "voice-emotion.emorec"))


if __name__ == "__main__":
    main()
