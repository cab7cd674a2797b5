package config

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Describe writes the configuration in force as TOML: every key that has a
// value, with targets and [[baseline]] tables. Credentials, and whatever may
// carry one, are left out: headers, tokens, passwords, the webhook's URL and
// the queries of other addresses.
func (c *Config) Describe(w io.Writer) error {
	b := new(strings.Builder)
	table, defaults := "", Default()
	for _, f := range fields() {
		name, key, _ := strings.Cut(f.Name, ".")
		value := f.show(c)
		switch f.Name {
		case "export.exporters":
			value = array(c.Exporters())
		case "export.endpoint":
			value = fmt.Sprintf("%q", withoutQuery(c.Export.OTLP.Endpoint))
		case "alertmanager.urls":
			urls := slices.Clone(c.Alertmanager.URLs)
			for i := range urls {
				urls[i] = withoutQuery(urls[i])
			}
			value = array(urls)
		}
		if isEmpty(value) {
			if isEmpty(f.show(defaults)) {
				continue
			}
			value = f.empty() // leaving it out means something else
		}
		if name != table {
			fmt.Fprintf(b, "\n[%s]\n", name)
			table = name
		}
		fmt.Fprintf(b, "%s = %s\n", key, value)
	}
	if len(c.Targets) > 0 {
		fmt.Fprintf(b, "\n[baseline_targets]\n")
		for _, name := range slices.Sorted(maps.Keys(c.Targets)) {
			fmt.Fprintf(b, "%s = %s\n", dotted([]string{name}), number(c.Targets[name]))
		}
	}
	for i := range c.Tables {
		fmt.Fprintf(b, "\n[[baseline]]\n")
		for _, f := range tableFields() {
			value := f.show(&c.Tables[i])
			if _, set := c.Tables[i].keys[f.Name]; set && value == "" && f.isNumber() {
				value = f.empty() // a target of 0 is one
			}
			if value != "" {
				fmt.Fprintf(b, "%s = %s\n", f.Name, value)
			}
		}
		if burn := c.Tables[i].Burn; len(burn) > 0 {
			windows := make([]string, len(burn))
			for j, w := range burn {
				windows[j] = fmt.Sprintf("%s/%s/%v", w.Long, w.Short, w.Factor)
			}
			fmt.Fprintf(b, "burn = %s\n", array(windows))
		}
		if t := c.Tables[i]; len(t.Match) > 0 {
			fmt.Fprintf(b, "match = {")
			for j, kv := range t.Match {
				fmt.Fprintf(b, "%s %q = %q", map[bool]string{true: ","}[j > 0], kv.Key, kv.Value.String())
			}
			fmt.Fprintf(b, " }\n")
		}
		if by := c.Tables[i].By; len(by) > 0 {
			names := make([]string, len(by))
			for j, k := range by {
				names[j] = string(k)
			}
			fmt.Fprintf(b, "by = %s\n", array(names))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// isEmpty tells whether a value in TOML is none.
func isEmpty(value string) bool { return value == "" || value == `""` || value == "[]" }

// isNumber tells whether the key's values are numbers.
func (k Key) isNumber() bool { return k.Type == "number" || k.Type == "integer" }

// empty is the key's value in TOML that has nothing.
func (k Key) empty() string {
	if k.isNumber() {
		return "0"
	}
	return `""`
}

// array writes strings as TOML does.
func array(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// withoutQuery returns an address without its query, which may be a credential
// (users are refused); "" if it cannot be told.
func withoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.RawQuery = ""
	return u.String()
}
