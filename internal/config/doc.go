// Package config reads the TOML files of otelperf into one resolved
// configuration: what to collect, what to judge it against, where to send it.
//
//	c, err := config.Load("monitoring_config.toml", "production.toml")
//	if err != nil { … }                       // one line: file, line, column, key, fix
//	if err := c.ApplyEnv(os.LookupEnv); err != nil { … } // bad variables, the others are applied
//	baselines, err := c.Baselines()
//
// # Order
//
// Defaults, then the files in the order given, then OTEL_* variables by
// [Config.ApplyEnv], then whatever Go code sets in the fields. A later file
// overrides key by key: keys that it does not name keep their value. Tables of
// free keys (headers, labels, attributes) merge key by key as well, and a
// [[baseline]] table changes the earlier file's of the same name.
//
// # Keys
//
// [Keys] lists every key with type, default, range, unit and meaning; it is the
// same table that decodes the files, and [Markdown] renders it. Any other
// key is an error.
//
// # Errors
//
// Every error of [Load] is an [*Error] and one line of printable text, whatever
// the file holds. Values of headers are never part of it.
//
// # Concurrency and cost
//
// A Config is plain data without a lock: it is filled by one goroutine and read
// by any number afterwards. A file is read whole, at most [MaxFileSize] bytes.
package config
