#!/bin/sh
# Makes the clips of the gateway anew: one file of 8 kHz mu-law, without a header, of each text in clips.toml.
#
# Needs espeak-ng, sox and Python 3.11 or later. Run it after changing clips.toml:
#
#     gateway/calls/clips/make.sh
#
# No silence at either end, the telephone's band, and a level of -20 dBFS, where 0 is a sine of full scale.
set -eu
cd "$(dirname "$0")"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
rm -rf ./[a-z][a-z]
python3 - <<'PYTHON' | while IFS="$(printf '\t')" read -r language name voice speed pitch text; do
import tomllib

with open("clips.toml", "rb") as file:
    manifest = tomllib.load(file)
for language, voice in manifest["voices"].items():
    for name, text in manifest[language].items():
        speed = manifest["faster"].get(name, manifest["words_per_minute"])
        print(language, name, voice, speed, manifest["pitch"], text, sep="\t")
PYTHON
    espeak-ng -v "$voice" -s "$speed" -p "$pitch" --stdout "$text" </dev/null |
        sox -R -t wav - -b 16 -c 1 "$work/band.wav" gain -6 rate -h 8000 highpass 200 sinc -3600 \
            silence 1 0.01 -45d reverse silence 1 0.01 -45d reverse
    # The level of a sine of full scale is 3.01 dB under that of its peaks, which is what sox calls 0.
    gain="$(sox "$work/band.wav" -n stats 2>&1 | awk '/^RMS lev dB/ { print -23.01 - $4 }')"
    mkdir -p "$language"
    sox -R "$work/band.wav" -t raw -e mu-law -b 8 -c 1 "$language/$name.ulaw" gain -l "$gain"
    echo "$language/$name.ulaw"
done
