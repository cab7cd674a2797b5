package config_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/otelperf/otelperf-go/internal/config"
)

// complete is a [[baseline]] without a fault, to which one is added.
const complete = `[[baseline]]
name = "x"
metric = "m"
statistic = "value"
target = 1
`

// badFiles are what is in a file, and its error behind the file's name.
var badFiles = []struct{ text, want string }{
	{"", ": the file is empty: write at least one table, such as [monitoring], or leave the file out"},
	{" \n\t\n", ": the file is empty: write at least one table, such as [monitoring], or leave the file out"},
	{"\xff\xfe[\x00m", ":1:1: not a text file (byte 0xff is not UTF-8): save it as UTF-8 text"},
	{"a\x00b", ":1:2: expected '=' after key: write key = value"},
	{"[monitoring]\nx\xc3(=1", ":2:2: not a text file (byte 0xc3 is not UTF-8): save it as UTF-8 text"},
	{"\x7fELF\x02\x01\x01", ":1:1: invalid character at start of key: U+007F: keys are letters, digits, _ and -"},
	{"[monitoring\nenabled = true", ":1:12: expected ']' to close table name: close the bracket, as in [monitoring]"},
	{"[monitoring]\nenabled = yes", ":2:11: monitoring.enabled: unexpected character U+0079 'y' at start of value: write a number, true, false, or text in quotes"},
	{"[monitoring]\nenabled = True", ":2:11: monitoring.enabled: unexpected character U+0054 'T' at start of value: write a number, true, false, or text in quotes"},
	{"[monitoring]\nenabled", ":2:7: expected '=' after key: write key = value"},
	{"[monitoring]\nenabled =\n", ":2:10: monitoring.enabled: unexpected character U+000A at start of value: write a value after ="},
	{"[monitoring]\ninterval_seconds = 060", ":2:20: monitoring.interval_seconds: integers cannot have leading zeroes: drop the zeroes in front"},
	{"[alerting]\nlog_file = \"a\nb\"", ":2:14: alerting.log_file: basic strings cannot have new lines: close the quote on the same line"},
	{"[alerting]\nlog_file = \"a\\qb\"", ":2:14: alerting.log_file: invalid escape character U+0071 'q': write a backslash twice, or use single quotes"},
	{"[alerting]\nlog_file = 'abc", ":2:15: alerting.log_file: unterminated literal string: close the quote"},
	{"[export]\nexporters = [\"otlp\"", ":2:19: export.exporters: array is incomplete: close the bracket"},
	{"[monitoring]\nenabled = true interval_seconds = 5", ":2:16: monitoring.enabled: expected newline but got U+0069 'i': one key = value on a line"},
	{"[monitoring]\nenabled : true", ":2:9: expected '=' after key: write key = value"},
	{"[monitoring]\ninterval_seconds = 60s", ":2:22: monitoring.interval_seconds: strings must be quoted: write quotes around text; a number has no unit behind it"},
	{"[monitoring]\ninterval_seconds = 1,5", ":2:21: monitoring.interval_seconds: expected newline but got U+002C ',': a fraction begins with a point, and lists are in brackets"},
	{"[monitoring]\nenabled = true\n[monitoring]\nsample_rate = 100", ":3:2: table [monitoring] is defined twice, first on line 1: merge the two"},
	{"[monitoring]\nenabled = true\nenabled = true", ":3:1: key monitoring.enabled is set twice, first on line 2: keep one of them"},
	{"monitoring.enabled = true\n[monitoring]\nsample_rate = 1", ":2:2: monitoring is defined twice: keep it in one place"},
	{"monitoring = {enabled = true}\n[monitoring]\nsample_rate = 1", ":2:2: table [monitoring] is defined twice, first on line 1: merge the two"},
	{"monitoring = {enabled = true, enabled = false}", ":1:31: key monitoring.enabled is set twice, first on line 1: keep one of them"},
	{"[monitoring]\nenabled = true\n[monitoring.enabled]\n", ":3:2: monitoring.enabled is both a table and a value, first on line 2: keep one of them"},
	{"[[baseline]]\nname=\"x\"\n[baseline]\n", ":3:2: [baseline] stands beside [[baseline]] on line 1: write [[baseline]] for each"},
	{"[baseline]\nname=\"x\"\n[[baseline]]\n", ":3:3: [baseline] stands beside [[baseline]]: write [[baseline]] for each"},
	{complete + "[baseline.match]\na=1\n[baseline.match]\nb=1", ":8:2: table [baseline.match] is defined twice, first on line 6: merge the two"},
	{"baseline = 5", ":1:1: baseline = 5 is an integer: want [[baseline]] tables"},
	{"baseline = [1]", ":1:1: baseline = 1 is an integer: want [[baseline]] tables"},
	{`baseline=[{name="x"}, 2]`, ":1:1: baseline = 2 is an integer: want [[baseline]] tables"},
	{`baseline.name = "x"`, ":1:1: [baseline] is a list of tables: write [[baseline]]"},
	{"[baseline]\nname=\"x\"", ":1:2: [baseline] is a list of tables: write [[baseline]]"},
	{"[monitoring]\ninterval_seconds = -5", ":2:1: monitoring.interval_seconds = -5 is out of range: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = 0", ":2:1: monitoring.interval_seconds = 0 is out of range: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = nan", ":2:1: monitoring.interval_seconds = NaN is out of range: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = inf", ":2:1: monitoring.interval_seconds = Inf is out of range: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = 99999999999999999999", ":2:1: monitoring.interval_seconds = 99999999999999999999 is too large a number: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = 1e999", ":2:1: monitoring.interval_seconds = 1e999 is too large a number: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = 9223372036854775807", ":2:1: monitoring.interval_seconds = 9.223372036854776e+18 is out of range: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = \"60\"", `:2:1: monitoring.interval_seconds = "60" is a string: want a number from 0.1 to 86400 (s)`},
	{"[monitoring]\ninterval_seconds = [60]", ":2:1: monitoring.interval_seconds is an array: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = {a=1}", ":2:1: monitoring.interval_seconds is a table: want a number from 0.1 to 86400 (s)"},
	{"[monitoring.interval_seconds]\na=1", ":1:2: monitoring.interval_seconds is a table: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = 2020-01-01", ":2:1: monitoring.interval_seconds is a date or time: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\ninterval_seconds = true", ":2:1: monitoring.interval_seconds = true is a boolean: want a number from 0.1 to 86400 (s)"},
	{"[monitoring]\nalert_threshold_percent = 99", ":2:1: monitoring.alert_threshold_percent = 99 is out of range: want a number from 100 to 10000 (%)"},
	{"[monitoring]\nsample_rate = 99.5", ":2:1: monitoring.sample_rate = 99.5 has a fraction: want a whole number from 1 to 10000"},
	{"[monitoring]\nsample_rate = 1e6", ":2:1: monitoring.sample_rate = 1000000 is out of range: want a whole number from 1 to 10000 (1/s)"},
	{"[monitoring]\nmetrics_retention_hours = -1", ":2:1: monitoring.metrics_retention_hours = -1 is out of range: want a number from 0 to 8784 (h)"},
	{"[monitoring]\nthroughput_of = \"htp\"", `:2:1: monitoring.throughput_of = "htp" is unknown, did you mean "http"? want "http" or "operations"`},
	{"[monitoring]\nthroughput_of = \"\"", `:2:1: monitoring.throughput_of = "" is unknown: want "http" or "operations"`},
	{"[monitoring]\nenabled = \"yes\"", `:2:1: monitoring.enabled = "yes" is a string: want true or false`},
	{"[monitoring]\nenabled = 1", ":2:1: monitoring.enabled = 1 is an integer: want true or false"},
	{"[alerting]\nconsol_output = true", `:2:1: unknown key "alerting.consol_output", did you mean "console_output"?`},
	{"[alertin]\nconsole_output = true", ":1:2: unknown table [alertin], did you mean [alerting]?"},
	{"[alertin]", ":1:2: unknown table [alertin], did you mean [alerting]?"},
	{"alertin.console_output = true", `:1:1: unknown key "alertin.console_output", did you mean "alerting.console_output"?`},
	{"alertng.enabled = true", `:1:1: unknown key "alertng.enabled", did you mean "alerting.enabled"?`},
	{"interval_seconds = 5", `:1:1: unknown key "interval_seconds", did you mean "monitoring.interval_seconds"?`},
	{"search_ms = 5", `:1:1: unknown key "search_ms", did you mean "baseline_targets.search_ms"?`},
	{"[thresholds]\nsearch_ms = 5", `:2:1: unknown key "thresholds.search_ms", did you mean "baseline_targets.search_ms"?`},
	{"[baseline_targets]\nmax_response_time_ms = 5", `:2:1: unknown key "baseline_targets.max_response_time_ms", did you mean "thresholds.max_response_time_ms"?`},
	{"[baseline_targets]\nmemory_gb=1", `:2:1: unknown key "baseline_targets.memory_gb", did you mean "memory_mb"?`},
	{"[baseline_targets]\nfoo=1", `:2:1: unknown key "baseline_targets.foo": want <operation>_ms, <operation>_qps, <operation>_error_percent, memory_mb, cpu_percent or throughput_qps`},
	{"[baseline_targets]\n_ms=1", `:2:1: unknown key "baseline_targets._ms": want <operation>_ms, <operation>_qps, <operation>_error_percent, memory_mb, cpu_percent or throughput_qps`},
	{"[baseline_targets]\n\"x\\ny_ms\"=1", `:2:1: baseline_targets."x\ny_ms" = "x\ny_ms" has a control character: want plain text on one line`},
	{"[baseline_targets]\nsearch_ms=-1", ":2:1: baseline_targets.search_ms = -1 is out of range: want a number from 0 to 86400000 (ms)"},
	{"[baseline_targets]\nsearch_ms=\"a\"", `:2:1: baseline_targets.search_ms = "a" is a string: want a number from 0 to 86400000 (ms)`},
	{"[baseline_targets]\nsearch_ms=nan", ":2:1: baseline_targets.search_ms = NaN is out of range: want a number from 0 to 86400000 (ms)"},
	{"[baseline_targets]\nthroughput_qps=0", ":2:1: baseline_targets.throughput_qps = 0 is out of range: want a number above 0 up to 1000000000 (1/s)"},
	{"[baseline_targets]\nsearch_error_percent=101", ":2:1: baseline_targets.search_error_percent = 101 is out of range: want a number from 0 to 100 (%)"},
	{"[baseline_targets]\n[baseline_targets.x]\ny=1", `:3:1: unknown key "baseline_targets.x.y": want <operation>_ms, <operation>_qps, <operation>_error_percent, memory_mb, cpu_percent or throughput_qps`},
	{"baseline_targets=1", ":1:1: baseline_targets = 1 is an integer: want a table, as in [baseline_targets]"},
	{"[[baseline_targets]]\nsearch_ms=1", ":1:3: baseline_targets is one table, not a list: write [baseline_targets]"},
	{"monitoring = 5", ":1:1: monitoring = 5 is an integer: want a table, as in [monitoring]"},
	{"[[monitoring]]", ":1:3: monitoring is one table, not a list: write [monitoring]"},
	{"[[foo]]", ":1:3: unknown table [foo]: want one of [monitoring], [metrics], [alerting], [baseline_targets], [thresholds], [output], [export], [resource], [alertmanager], [webhook], [[baseline]]"},
	{"[completely_different]", ":1:2: unknown table [completely_different]: want one of [monitoring], [metrics], [alerting], [baseline_targets], [thresholds], [output], [export], [resource], [alertmanager], [webhook], [[baseline]]"},
	{"completely_different=1", `:1:1: unknown key "completely_different": every key is in a table, such as [monitoring]`},
	{"[monitoring]\nEnabled=true", `:2:1: unknown key "monitoring.Enabled", did you mean "enabled"?`},
	{"[monitoring]\n\"quoted key\\u001b\" = 1", `:2:1: unknown key "monitoring.\"quoted key\\x1b\"": [monitoring] has enabled, interval_seconds, metrics_retention_hours, alert_threshold_percent, sample_rate, memory_tracking, cpu_profiling, heap_profiling, throughput_of, hot_road`},
	{`"monitoring.enabled" = true`, `:1:1: unknown key "\"monitoring.enabled\"", did you mean "monitoring.enabled"?`},
	{"[monitoring]\nwhat_is_this_thing=1", `:2:1: unknown key "monitoring.what_is_this_thing": [monitoring] has enabled, interval_seconds, metrics_retention_hours, alert_threshold_percent, sample_rate, memory_tracking, cpu_profiling, heap_profiling, throughput_of, hot_road`},
	{"[alerting]\ninterval_seconds=1", `:2:1: unknown key "alerting.interval_seconds", did you mean "monitoring.interval_seconds"?`},
	{"[monitoring]\nalert_threshold_percent = 200\n[baseline_targets]\nthroughput_qps = 5\n", ":4:1: monitoring.alert_threshold_percent = 200 could never fire for baseline_targets.throughput_qps, where lower is worse: use less than 200"},
	{"[baseline_targets]\nsearch_qps = 5\n[monitoring]\nalert_threshold_percent = 250\n", ":4:1: monitoring.alert_threshold_percent = 250 could never fire for baseline_targets.search_qps, where lower is worse: use less than 200"},
	{"[thresholds]\nmax_cpu_percent=101", ":2:1: thresholds.max_cpu_percent = 101 is out of range: want a number above 0 up to 100 (%)"},
	{"[thresholds]\nmax_memory_mb=0", ":2:1: thresholds.max_memory_mb = 0 is out of range: want a number above 0 up to 1000000000 (MiB)"},
	{"[output]\ndirectory=\"\"", ":2:1: output.directory is empty: fill it in, or leave the key out"},
	{"[output]\nmetrics_file=\"a\\u0000b\"", `:2:1: output.metrics_file = "a\x00b" has a control character: want plain text on one line`},
	{"[output]\nmetrics_file=\"x\"\n[alerting]\nlog_file=\"./x\"", `:4:1: alerting.log_file and output.metrics_file are the same file "x": use two`},
	{"[alerting]\nlog_file=\".\"", `:2:1: alerting.log_file is the directory "." itself: give the file a name`},
	{"[export]\nexporters=\"otlp\"", `:2:1: export.exporters = "otlp" is a string: want an array of strings, as in ["a", "b"]`},
	{"[export]\nexporters=[]", `:2:1: export.exporters is empty: name one, or ["none"]`},
	{"[export]\nexporters=[\"otpl\"]", `:2:1: export.exporters entry "otpl" is unknown, did you mean "otlp"? want "otlp", "console", "file" or "none"`},
	{"[export]\nexporters=[\"otlp\",\"none\"]", `:2:1: export.exporters has "none" beside others: keep either`},
	{"[export]\nexporters=[\"otlp\",\"otlp\"]", `:2:1: export.exporters names "otlp" twice: name it once`},
	{"[export]\nexporters=[1]", `:2:1: export.exporters has an entry that is not a string: want an array of strings, as in ["a", "b"]`},
	{"[export]\nexporters=[[1]]", `:2:1: export.exporters has an entry that is not a string: want an array of strings, as in ["a", "b"]`},
	{"[export]\nprotocol=\"http\"", `:2:1: export.protocol = "http" is unknown: want "grpc" or "http/protobuf"`},
	{"[export]\nprotocol=\"http/json\"", `:2:1: export.protocol = "http/json" is unknown: want "grpc" or "http/protobuf"`},
	{"[export]\nendpoint=\"ftp://x\"", `:2:1: export.endpoint = "ftp://x" has an unknown scheme: want a URL such as "http://localhost:4318", or host:port`},
	{"[export]\nendpoint=\"http://\"", `:2:1: export.endpoint = "http://" is no address: want a URL such as "http://localhost:4318", or host:port`},
	{"[export]\nendpoint=\"http://u:p@x\"", ":2:1: export.endpoint has a user or password in it: put credentials into export.headers"},
	{"[export]\nendpoint=\"x:99999\"", `:2:1: export.endpoint = "x:99999" has a port above 65535: want a URL such as "http://localhost:4318", or host:port`},
	{"[export]\nendpoint=\"x:\"", `:2:1: export.endpoint = "x:" has no port behind the colon: want a URL such as "http://localhost:4318", or host:port`},
	{"[export]\nendpoint=\"\"", ":2:1: export.endpoint is empty: fill it in, or leave the key out"},
	{"[export]\nendpoint=\"http://x y\"", `:2:1: export.endpoint = "http://x y" is no address: want a URL such as "http://localhost:4318", or host:port`},
	{"[export]\nendpoint=\"https://x\"\ninsecure=true", ":3:1: export.insecure = true contradicts the https:// of export.endpoint: drop one of them"},
	{"[export]\nendpoint=\"http://x\"\nca_file=\"a\"", ":3:1: export.ca_file needs TLS, but export.endpoint begins with http://: use https://, or drop the file"},
	{"[export]\ninsecure=true\nca_file=\"a\"", ":3:1: export.ca_file needs TLS, but export.insecure is true: use https://, or drop the file"},
	{"[export]\ncert_file=\"a\"", ":2:1: export.cert_file needs export.key_file: set both or none"},
	{"[export]\nkey_file=\"a\"", ":2:1: export.key_file needs export.cert_file: set both or none"},
	{"[export]\nqueue_size=0", ":2:1: export.queue_size = 0 is out of range: want a whole number from 1 to 10000 (batches)"},
	{"[export]\ncompression=\"zstd\"", `:2:1: export.compression = "zstd" is unknown: want "gzip" or "none"`},
	{"[export]\ntimeout_seconds=0", ":2:1: export.timeout_seconds = 0 is out of range: want a number from 0.1 to 600 (s)"},
	{"[export.headers]\nauthorization=5", ":2:1: export.headers.authorization is not plain text: want a string of at most 4096 bytes without control characters"},
	{"[export.headers]\nauthorization=\"secret\\nx\"", ":2:1: export.headers.authorization is not plain text: want a string of at most 4096 bytes without control characters"},
	{"[export.headers]\n\"a b\"=\"secret\"", `:2:1: export.headers."a b" is no name of a header: want letters, digits, - and _`},
	{"[export]\nheaders=\"secret=5\"", `:2:1: export.headers is no table: want a table, as in { name = "value" }`},
	{"[[export.headers]]", ":1:3: export.headers is one table, not a list: write [export.headers]"},
	{"[export.headers]\n\"\"=\"x\"", ":2:1: export.headers has an entry without a name: give it one"},
	{"[export.headers]\nauthorization=secret", ":2:15: export.headers.authorization: unexpected character U+0073 's' at start of value: write a number, true, false, or text in quotes"},
	{"[resource.attributes]\n\"service.name\"=\"x\"", `:2:1: resource.attributes."service.name" has a key of its own: write it as resource.service_name`},
	{"[resource.attributes]\nservice.name=\"x\"", ":2:1: resource.attributes.service.name has a key of its own: write it as resource.service_name"},
	{"[resource.attributes]\na=[1]", ":2:1: resource.attributes.a is an array: want a string, integer, float or boolean"},
	{"[resource.attributes]\na=nan", ":2:1: resource.attributes.a = NaN is no value that can be compared: want a finite number"},
	{"[resource.attributes]\na=1979-05-27T07:32:00Z", ":2:1: resource.attributes.a is a date or time: want a string, integer, float or boolean"},
	{"[resource]\nattributes=[1]", `:2:1: resource.attributes is an array: want a table, as in { name = "value" }`},
	{"[[baseline]]", `:1:3: a [[baseline]] has no name: add name = "…"`},
	{"[[baseline]]\nname=\"\"", ":2:1: baseline.name is empty: fill it in, or leave the key out"},
	{"[[baseline]]\nname=\"x\"", `:1:3: baseline "x" has no metric: add metric = "…"`},
	{"[[baseline]]\nname=\"x\"\nmetric=\"m\"", `:1:3: baseline "x" has no statistic: add statistic = "p95" or another one`},
	{"[[baseline]]\nname=\"x\"\nmetric=\"m\"\nstatistic=\"p95\"", `:1:3: baseline "x" has no target: add target = …`},
	{"[[baseline]]\nstatistic=\"p59x\"", `:2:1: baseline.statistic = "p59x" is unknown: want "mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "max", "rate", "error_ratio" or "value"`},
	{"[[baseline]]\nstatistic=\"p100\"", `:2:1: baseline.statistic = "p100" is unknown: want "mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "max", "rate", "error_ratio" or "value"`},
	{"[[baseline]]\nstatistic=\"eror_ratio\"", `:2:1: baseline.statistic = "eror_ratio" is unknown, did you mean "error_ratio"? want "mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "max", "rate", "error_ratio" or "value"`},
	{"[[baseline]]\nunit=\"secs\"", `:2:1: baseline.unit = "secs": unknown unit "secs": want one of %, 1, 1/s, B, By, By/s, GiB, GiBy, KiB, KiB/s, KiBy, MiB, MiB/s, MiBy, h, min, ms, ns, s, us, µs`},
	{"[[baseline]]\ndirection=\"up\"", `:2:1: baseline.direction = "up" is unknown: want "higher" or "lower"`},
	{"[[baseline]]\nfor=60", `:2:1: baseline.for = 60 is an integer: want a duration from 0s to 168h, such as "90s" or "5m"`},
	{"[[baseline]]\nfor=\"60\"", `:2:1: baseline.for = "60": want a duration from 0s to 168h, such as "90s" or "5m"`},
	{"[[baseline]]\nfor=\"-1s\"", `:2:1: baseline.for = "-1s": want a duration from 0s to 168h, such as "90s" or "5m"`},
	{"[[baseline]]\nfor=\"1e9h\"", `:2:1: baseline.for = "1e9h": want a duration from 0s to 168h, such as "90s" or "5m"`},
	{"[[baseline]]\nmin_count=-1", ":2:1: baseline.min_count = -1 is out of range: want a whole number from 0 to 1000000000 (measurements)"},
	{"[[baseline]]\nno_data=\"ignore\"", `:2:1: baseline.no_data = "ignore" is unknown: want "resolve", "keep" or "alert"`},
	{"[[baseline]]\nby=\"http.route\"", `:2:1: baseline.by = "http.route" is a string: want an array of strings, as in ["a", "b"]`},
	{"[[baseline]]\nby=[\"\"]", ":2:1: baseline.by entry is empty: want an attribute's name"},
	{"[[baseline]]\nlabels={a=1}", ":2:9: baseline.labels.a = 1 is an integer: want text in quotes"},
	{"[[baseline]]\ntarget=-1", ":2:1: baseline.target = -1 is out of range: want a number from 0 to 1e+15"},
	{"[[baseline]]\ntarget=1e300", ":2:1: baseline.target = 1e+300 is out of range: want a number from 0 to 1e+15"},
	{"[[baseline]]\ntargt=1", `:2:1: unknown key "baseline.targt", did you mean "target"?`},
	{complete + "[[baseline]]\nname = \"x\"\nmetric = \"m\"\nstatistic = \"value\"\ntarget = 1\n", `:6:3: baseline "x" is defined twice, first on line 1: give one of them another name`},
	{complete + "direction=\"lower\"\nthreshold_percent=200", `:7:1: baseline.threshold_percent = 200 could never fire for baseline "x", where lower is worse: use less than 200`},
	{complete + "clear_percent=130", `:6:1: baseline.clear_percent = 130 of baseline "x" is beyond its threshold of 120 %: use at most that`},
	{"[[baseline]]\nname = \"x\"\nmetric = \"m\"\nstatistic = \"value\"\ntarget = 0\ndirection=\"lower\"", `:5:1: baseline "x" has the target 0, which nothing falls below: set a target above 0, or direction = "higher"`},
	{"[monitoring]\nalert_threshold_percent=300\n[[baseline]]\nname = \"x\"\nmetric = \"m\"\nstatistic = \"value\"\ntarget = 1\ndirection=\"lower\"", `:2:1: monitoring.alert_threshold_percent = 300 could never fire for baseline "x", where lower is worse: use less than 200`},
	{complete + "[[baseline.match]]\na=1", ":6:3: baseline.match is one table, not a list: write [baseline.match]"},
	{complete + "[baseline.matches]\na=1", ":6:2: unknown table [baseline.matches], did you mean [baseline.match]?"},
	{complete + "match.a.b.c=[1]", ":6:1: baseline.match.a.b.c is an array: want a string, integer, float or boolean"},
	{complete + "fleet_target=0", ":6:1: baseline.fleet_target = 0 is out of range: want a number above 0 up to 1e+15"},
	{"[baseline_targets]\nsearch_ms=1\n[[baseline]]\nname = \"search_ms\"\nmetric = \"m\"\nstatistic = \"value\"\ntarget = 1\n", `:3:3: baseline "search_ms" is set by baseline_targets.search_ms as well: keep one of them`},
	{"[[baseline]]\nname = \"search_ms\"\nmetric = \"m\"\nstatistic = \"value\"\ntarget = 1\n", `:1:3: baseline "search_ms" has the unit "": this name's is "ms"`},
	{"[thresholds]\nmax_memory_mb=1\n[[baseline]]\nname = \"max_memory_mb\"\nmetric = \"process.memory.usage\"\nstatistic = \"value\"\ntarget = 1\n", `:3:3: baseline "max_memory_mb" judges the metric "process.memory.usage", as thresholds.max_memory_mb does already: their alerts could not be told apart, give it another name`},
	{"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1", ":1:1: the key a.a… has more than 16 parts: no key is nested that deep"},
	{"[monitoring]\nx={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a=1}}}}}}}}}}}}}}}}}}}}", ":2:46: the key monitoring.x… has more than 16 parts: no key is nested that deep"},
	{complete + "burn = [\"1h/5m\"]", `:6:1: baseline.burn entry "1h/5m": want a long window, a short one and a factor, such as "1h/5m/14.4"`},
	{complete + "burn = [\"5m/1h/2\"]", `:6:1: baseline.burn entry "5m/1h/2": want a long window, a short one and a factor, such as "1h/5m/14.4"`},
	{complete + "objective = 1", ":6:1: baseline.objective = 1 is out of range: want a number above 0 up to 0.999999"},
	{complete + "relative = 5", `:5:1: baseline "x" has both target and relative: keep one of them`},
	{complete + "remind = \"-1s\"", `:6:1: baseline.remind = "-1s": want a duration from 0s to 168h, such as "90s" or "5m"`},
	{complete + "max_firing = -2", ":6:1: baseline.max_firing = -2 is out of range: want a whole number from -1 to 10000 (groups)"},
	{"[alertmanager]\nurls = [\"localhost:9093\"]", ":2:1: alertmanager.urls entry is no URL: want http:// or https:// and a host"},
	{"[alertmanager]\nurls = \"http://a\"", `:2:1: alertmanager.urls = "http://a" is a string: want an array of strings, as in ["a", "b"]`},
	{"[alertmanager]\nrepeat_seconds = 0", ":2:1: alertmanager.repeat_seconds = 0 is out of range: want a number from 1 to 3600 (s)"},
	{"[alertmanager]\nurl = \"http://a\"", `:2:1: unknown key "alertmanager.url", did you mean "urls"?`},
	{"[webhook]\nurl = \"hush\"", ":2:1: webhook.url is no URL: want http:// or https:// and a host"},
	{"[alertmanager]\nurls = [\"http://me:hush@a\"]", ":2:1: alertmanager.urls entry has a user or password in it: write them as username and password"},
	{"[webhook]\nmethod = \"GET\"", `:2:1: webhook.method = "GET" is unknown: want "POST", "PUT" or "PATCH"`},
	{"[webhook]\npassword = 5", ":2:1: webhook.password is not plain text: want a string of at most 4096 bytes without control characters"},
	{"[webhook]\nusername = \"me\"\nbearer_token = \"hush\"", ":3:1: webhook.bearer_token stands beside webhook.username: keep one of them"},
	{"[webhook]\nbearer_token = \"hush\"\nbearer_token_file = \"t\"", ":3:1: webhook.bearer_token_file stands beside webhook.bearer_token: keep one of them"},
	{"[alertmanager]\ncert_file = \"c\"", ":2:1: alertmanager.cert_file needs alertmanager.key_file: set both or none"},
	{"[webhook]\nbody = 5", ":2:1: webhook.body = 5 is an integer: want text in quotes"},
}

func TestBadFiles(t *testing.T) {
	for _, tt := range badFiles {
		path := write(t, tt.text)
		_, err := config.Load(path)
		if err == nil {
			t.Errorf("%.200q: no error, want %s", tt.text, tt.want)
			continue
		}
		if got, want := err.Error(), "config: "+path+tt.want; got != want {
			t.Errorf("%.200q:\n got %s\nwant %s", tt.text, got, want)
		}
		checkError(t, err)
	}
}

// checkError holds every error to its form: one line of printable text, not
// long, and an *Error.
func checkError(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if !utf8.ValidString(text) || strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		t.Errorf("error with unprintable text: %q", text)
	}
	if len(text) > 1200 {
		t.Errorf("error of %d bytes: %s", len(text), text)
	}
	if !strings.HasPrefix(text, "config: ") {
		t.Errorf("error without the package's name: %s", text)
	}
	if _, ok := errors.AsType[*config.Error](err); !ok {
		t.Errorf("error %T, want *config.Error", err)
	}
}

// Long and repetitive texts, by a part of their error.
func TestBadLongFiles(t *testing.T) {
	repeat := strings.Repeat
	many := func(n int, row func(b *strings.Builder, i int)) string {
		var b strings.Builder
		for i := range n {
			row(&b, i)
		}
		return b.String()
	}
	numbered := func(before, after string) func(*strings.Builder, int) {
		return func(b *strings.Builder, i int) {
			b.WriteString(before + string(rune('a'+i%26)) + repeat("z", i/26) + after)
		}
	}
	tests := []struct{ name, text, want string }{
		{"long value", "[alerting]\nlog_file = \"" + repeat("x", 5000) + "\"", ":2:1: alerting.log_file has 5000 bytes: want at most 4096"},
		{"long word", "[export]\nprotocol = \"" + repeat("x", 5000) + "\"", `:2:1: export.protocol = "` + repeat("x", 40) + `…" is unknown: want "grpc" or "http/protobuf"`},
		{"long key", "[monitoring]\n" + repeat("x", 5000) + " = 1", `:2:1: unknown key "monitoring.` + repeat("x", 80) + `…"`},
		{"long number", "[monitoring]\nsample_rate = " + repeat("9", 5000), ":2:1: monitoring.sample_rate = " + repeat("9", 40) + "… is too large a number: want a whole number from 1 to 10000 (1/s)"},
		{"deep arrays", "x = " + repeat("[", 20_000), "more than the maximum of 10000 levels deep"},
		{"deep tables", "[monitoring]\nx = " + repeat("{a = ", 30) + "1" + repeat("}", 30), "the key monitoring.x… has more than 16 parts"},
		{"deep key", "a" + repeat(".a", 30) + " = 1", ":1:1: the key a.a… has more than 16 parts"},
		{"many baselines", repeat("[[baseline]]\n", 1001), ":1001:3: this is the 1001th [[baseline]]: a file may have 1000"},
		{"many inline baselines", "baseline = [" + repeat("{},", 1001) + "]", "this is the 1001th [[baseline]]"},
		{"many keys", repeat("x = 1\n", 10_001), ":10001:1: this is the 10001th key: a file may have 10000"},
		{"many targets", "[baseline_targets]\n" + many(1001, numbered("x", "_ms = 1\n")), ":1002:1: baseline_targets.x"},
		{"many headers", "[export.headers]\n" + many(129, numbered("x", " = \"v\"\n")), "is one too many: a table may have 128 entries"},
		{"many attributes", "[resource.attributes]\n" + many(129, numbered("x", " = 1\n")), "is one too many: a table may have 128 entries"},
		{"long list", "[[baseline]]\nby = [" + repeat(`"a",`, 200) + "]", ":2:1: baseline.by has 200 entries: want at most 128"},
		{"many repeated keys", "x = {" + many(3000, numbered("", " = 1, ")) + "a = 1}", "key x.a is set twice"},
	}
	for _, tt := range tests {
		_, err := config.Load(write(t, tt.text))
		if err == nil {
			t.Errorf("%s: no error", tt.name)
			continue
		}
		checkError(t, err)
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, err, tt.want)
		}
	}
}

// Nothing of a header's value may reach a log by way of an error.
func TestErrorsKeepSecrets(t *testing.T) {
	for _, text := range []string{
		"[export.headers]\nauthorization = \"hunter2\\n\"",
		"[export.headers]\nauthorization = [\"hunter2\"]",
		"[export]\nheaders = \"authorization=hunter2\"",
		"[export]\nheaders = { \"a b\" = \"hunter2\" }",
		"[export]\nendpoint = \"https://user:hunter2@example.com\"",
		"[export]\nendpoint = \"ftp://user:hunter2@example.com\"",
		"[export.headers]\nauthorization = hunter2",
		"[export.headers]\nauthorization = \"hunter2",
	} {
		_, err := config.Load(write(t, text))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrorFields(t *testing.T) {
	path := write(t, "[alerting]\n  consol_output = true\n")
	_, err := config.Load(path)
	e, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("%T, want *config.Error", err)
	}
	if e.File != path || e.Line != 2 || e.Column != 3 || e.Key != "alerting.consol_output" {
		t.Errorf("got %+v", *e)
	}
}
