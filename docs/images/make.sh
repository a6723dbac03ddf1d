#!/usr/bin/env bash
# Makes text.png: a real run in a pseudo terminal (script), its colours as HTML (aha), photographed by chromium; and
# html.png, html-dark.png and html-print.png: the page of --format html, light, dark and printed.
# Needs Debian's bsdutils, aha, chromium, poppler-utils and imagemagick. Run it from the root of the checkout: docs/images/make.sh
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
# photograph FILE [OPTION ...]: the page in a window
photograph() {
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
    --window-size=1100,900 --screenshot="$work/$1" "${@:2}" "file://$work/report.html" > /dev/null 2>&1
  cp "$work/$1" "docs/images/$1"
}
photograph html.png
photograph html-dark.png --blink-settings=preferredColorScheme=0
# the first page and the first of the compliance tables, as they are printed
chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer --print-to-pdf="$work/report.pdf" "file://$work/report.html" > /dev/null 2>&1
table=$(for n in $(seq 2 30); do pdftotext -f "$n" -l "$n" "$work/report.pdf" - 2> /dev/null | grep -q '^Compliance$' && echo "$n" && break; done)
pdftoppm -r 60 -png -singlefile -f 1 -l 1 "$work/report.pdf" "$work/first"
pdftoppm -r 60 -png -singlefile -f "$((table + 1))" -l "$((table + 1))" "$work/report.pdf" "$work/second"
convert "$work/first.png" "$work/second.png" +append -strip "$work/html-print.png"
cp "$work/html-print.png" docs/images/html-print.png
