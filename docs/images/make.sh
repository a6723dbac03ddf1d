#!/usr/bin/env bash
# Makes text.png: a real run in a pseudo terminal (script), its colours as HTML (aha), photographed by chromium; and
# html.png: the page of --format html.
# Needs Debian's bsdutils, aha and chromium. Run it from the root of the checkout: docs/images/make.sh
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/manilint" .
run="stty cols 100 rows 60; $work/manilint --no-config --quiet --only privileged,allow-privilege-escalation fixtures/example"
script -qec "$run" /dev/null < /dev/null | tr -d '\r' > "$work/run.ansi" || [ $? = 1 ]
{ printf '\033[1m$ manilint --only privileged,allow-privilege-escalation fixtures/example\033[0m\n'; cat "$work/run.ansi"; } |
  aha --black --title manilint | sed 's/<pre>/<pre style="font:15px\/1.35 monospace;margin:16px">/' > "$work/run.html"
lines=$(($(wc -l < "$work/run.ansi") + 3))
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
  --window-size=980,$((lines * 20 + 24)) --screenshot="$work/text.png" "file://$work/run.html" > /dev/null 2>&1
cp "$work/text.png" docs/images/text.png

"$work/manilint" --no-config --quiet --fail-on never -f "html=$work/report.html" fixtures/example
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
  --window-size=1100,900 --screenshot="$work/html.png" "file://$work/report.html" > /dev/null 2>&1
cp "$work/html.png" docs/images/html.png
