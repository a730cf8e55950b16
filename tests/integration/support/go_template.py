"""Fills in a template for PrometheusAlert with messages of Alertmanager.

    go_template.py TEMPLATE < MESSAGES.json

Reads a list of messages and prints a list of texts. Go's own templates, by Helm's engine. Of PrometheusAlert's functions it has the one that ours use.
"""

import json
import pathlib
import re
import sys
import tempfile

from helm_python.chart import Chart

CST = """{{- define "GetCSTtime" -}}
{{ dateInZone "2006-01-02 15:04:05" (toDate "2006-01-02T15:04:05Z07:00" (printf "%.19sZ" .)) "Asia/Shanghai" }}
{{- end }}"""

text = pathlib.Path(sys.argv[1]).read_text()
text = re.sub(r"GetCSTtime ([.\w]+)", r'include "GetCSTtime" \1', text)
text = re.sub(r"(?<![\w)])\.alerts\b", ".Values.alerts", text)
with tempfile.TemporaryDirectory() as folder:
    chart = pathlib.Path(folder)
    (chart / "templates").mkdir()
    (chart / "Chart.yaml").write_text("{apiVersion: v2, name: message, version: 0.0.0}")
    (chart / "templates/message.txt").write_text(CST + text)
    with Chart.load(chart) as loaded:
        rendered = [loaded.render(message) for message in json.load(sys.stdin)]
print(json.dumps([one["message/templates/message.txt"] for one in rendered]))
