#!/bin/sh
# Makes the recorded speech of the emulators anew: one 24 kHz, 16-bit, mono FLAC file of each clip in clips.toml.
#
# Needs espeak-ng, sox (with FLAC) and Python 3.11 or later. Run it after changing clips.toml:
#
#     gateway/emulators/speech/make.sh
#
# The band is the telephone's, which is all a caller would hear, and keeps the files small.
set -eu
cd "$(dirname "$0")"

rm -f ./*.flac
python3 - <<'PYTHON' | while IFS="$(printf '\t')" read -r name voice speed pitch text; do
import tomllib

with open("clips.toml", "rb") as file:
    manifest = tomllib.load(file)
for clip in manifest["clips"]:
    voice = manifest["voices"][clip["voice"]]
    print(clip["name"], voice["espeak"], voice["words_per_minute"], voice["pitch"], clip["text"], sep="\t")
PYTHON
    espeak-ng -v "$voice" -s "$speed" -p "$pitch" --stdout "$text" </dev/null |
        sox -R -t wav - -b 16 -c 1 -C 8 "$name.flac" gain -6 rate -h 24000 highpass 200 sinc -3600 \
            silence 1 0.01 -55d reverse silence 1 0.01 -55d reverse gain -n -4 pad 0.03 0.05
    echo "$name.flac"
done
