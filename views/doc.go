// Package views holds metric views and a processor that compares every
// collected metric with its baseline and raises alerts before the metrics are
// exported.
//
//	latency := views.Baseline{
//		Name: "search_ms", Metric: "otelperf.operation.duration",
//		Match:     []attribute.KeyValue{attribute.String("otelperf.operation.name", "search")},
//		Statistic: views.P95, Target: 100, Unit: "ms",
//	}
//	view, err := views.For(latency)
//	proc, err := views.NewProcessor(exporter, []views.Baseline{latency}, views.WithNotify(tell))
//	reader := sdkmetric.NewPeriodicReader(proc)
//	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(view))
//
// Metrics that a [Processor] adds to each collection, in the scope
// github.com/otelperf/otelperf-go/views:
//
//	name                               kind   unit          attributes
//	otelperf.baseline.excess           gauge  1             otelperf.baseline.name, the group's
//	otelperf.alert.active              gauge  {alert}       otelperf.baseline.name, the group's
//	otelperf.alert.transitions         sum    {transition}  otelperf.baseline.name, otelperf.alert.state
//	otelperf.baseline.points.rejected  sum    {data_point}  otelperf.reason
//	otelperf.evaluations.missed        sum    {evaluation}
//
// The excess is how much worse than its target a value is, whichever side is
// the bad one: 0.2 is 20 % worse. It is there in intervals that were judged.
//
// The sums have the temporality that the exporter behind the Processor asks
// for of a counter. Other readers, whose exporters want another temporality or
// that cannot be given a Processor, get the same from [Processor.Producer].
//
// # What an evaluation means
//
// A baseline judges groups: the series it matches, summed by its By
// attributes. Each interval is judged by itself; of cumulative data the
// previous collection is subtracted. Failed calls are part of a latency, and
// of an error ratio's denominator; a call that ended with error.type
// "canceled", because its caller left, is no failure. An empty error.type counts
// as none.
//
// Quantiles follow Prometheus' histogram_quantile for explicit buckets, and its
// native histograms for exponential ones (at scale 8 at the most), so that
// PromQL over the same data agrees. They are then limited to the extremes that
// are known of the interval. The two part
//
//   - at a restart: here the interval begins afresh with it, and a rate, which
//     then lacks a part of the interval, is not judged; PromQL adds up what its
//     samples show of either side;
//   - at an idle series whose exponential buckets are coarser than the others':
//     PromQL lowers the sum to its scale, while here a series that gained nothing
//     takes nothing from the quantile's resolution. Of deltas an idle series is
//     not told at all, and both temporalities shall give the same quantile.
//
// An interval with fewer measurements than MinCount says nothing. Rates, and
// whatever is worse when it is lower, need half an interval of time and begin
// with the second one.
//
// Calls in flight that outlast an interval in which none completed breach a
// latency baseline that is shorter than the interval. Where nothing was
// measured and no call is in flight, three intervals make a silence, and
// NoData decides.
//
// The share of calls that may be bad over hours is judged by [Baseline].Objective,
// a value against its own recent past by [Baseline].Relative.
//
// # The life of an alert
//
// A group is ok, then pending from its first breach, firing once that lasted
// for For, and ok again once it was at the clear level or better for
// KeepFiringFor. There is one notification when it fires and one when it
// resolves, with the same [Alert.ID]; reminders come only if Remind asks for
// them. Where more than MaxFiring groups would fire, one alert stands for
// those on top.
//
// Time is that of the data points. A forced flush, a collection that the
// reader skipped, a restart of what is measured and a clock that jumps neither
// fire nor resolve anything. [Processor.SaveState] and [WithState] carry firing
// and pending alerts over a restart of the process itself, and
// [Processor.Overdue] tells whether evaluations come at all.
//
// # Links before an exporter
//
// A Processor is one link in front of an exporter, a [Filter] is another: it
// keeps, drops and renames metrics for the exporter behind it. The package
// viewstest checks exporters and links of anybody's making.
//
// # Cardinality
//
// The metrics about baselines have one series for each baseline and group. A
// Processor holds up to 10,000 groups of a baseline and 100,000 series of a
// judged metric; what is over that is counted as rejected. Metrics without a
// baseline cost one map lookup a collection. Series and groups that stop
// reporting are forgotten.
//
// A series of a histogram with 30 boundaries takes about 1 KB, a group of such
// series 1 to 2 KB, and one with a burn rate up to 32 KB more.
//
// # Panics and errors
//
// Nothing here panics on bad data: a point with buckets that do not fit, a
// value that is no number or a second point of one series is left out of the
// judgement and counted in otelperf.baseline.points.rejected. The collection
// is exported as it came in any case. Invalid baselines are errors of the
// constructors; a baseline that turns out not to fit its metric, or that
// nothing matches for three intervals, is reported once to the error handler.
//
// # Concurrency
//
// Everything may be used concurrently. Alerts are told one after the other.
//
// # Cost
//
// An evaluation allocates nothing in a steady state. That of 10,000 series
// under five baselines takes 10 to 50 ms on one core of a cloud machine, and
// of 10,000 series that no baseline matches 3 ms:
//
//	go test -run '^$' -bench Evaluation ./views
package views
