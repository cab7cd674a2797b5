package process

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A quota reads how much CPU time the cgroups of this process allow, of
// version 1 or 2 or both. The limit of every enclosing group counts, as far as
// the mounts show them.
type quota struct {
	root  fs.FS // "/"
	found bool
	files []limitFile
}

// A limitFile is one place where a limit may stand.
type limitFile struct {
	quota  string // cpu.max, or cpu.cfs_quota_us
	period string // "" for cpu.max, which holds both
}

// cpus returns the quota as a number of CPUs; ok is false if there is none.
// It looks for the files once, and again when they are gone.
func (q *quota) cpus() (n float64, ok bool, err error) {
	if !q.found {
		if q.files, err = findLimits(q.root); err != nil {
			return 0, false, err
		}
		q.found = true
	}
	read := 0
	for _, f := range q.files {
		v, limited, err := f.read(q.root)
		if err != nil {
			continue // the root group has none, others may vanish
		}
		read++
		if limited && (!ok || v < n) {
			n, ok = v, true
		}
	}
	if read == 0 {
		q.found = false
	}
	return n, ok, nil
}

func (f limitFile) read(root fs.FS) (cpus float64, limited bool, err error) {
	text, err := fs.ReadFile(root, f.quota)
	if err != nil {
		return 0, false, err
	}
	fields := strings.Fields(string(text))
	if f.period != "" {
		text, err := fs.ReadFile(root, f.period)
		if err != nil {
			return 0, false, err
		}
		fields = append(fields, strings.Fields(string(text))...)
	}
	if len(fields) != 2 {
		return 0, false, errors.New("not a quota and a period")
	}
	if fields[0] == "max" || fields[0] == "-1" {
		return 0, false, nil
	}
	quota, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return 0, false, err
	}
	period, err := strconv.ParseFloat(fields[1], 64)
	if err != nil {
		return 0, false, err
	}
	if !(quota > 0) || !(period > 0) {
		return 0, false, errors.New("a quota or period that is not positive")
	}
	return quota / period, true, nil
}

// findLimits returns where the limits of this process stand, innermost first.
func findLimits(root fs.FS) ([]limitFile, error) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no cgroups in this kernel
	}
	if err != nil {
		return nil, err
	}
	mounts, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var files []limitFile
	for line := range lines(groups) {
		// hierarchy:controllers:path, where version 2 is 0::path
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		v2 := parts[0] == "0" && parts[1] == ""
		if !v2 && !slices.Contains(strings.Split(parts[1], ","), "cpu") {
			continue
		}
		for line := range lines(mounts) {
			m, ok := parseMount(line)
			if !ok || v2 != (m.kind == "cgroup2") || !v2 && !(m.kind == "cgroup" && slices.Contains(m.options, "cpu")) {
				continue
			}
			for dir := m.dir(parts[2]); ; dir = path.Dir(dir) {
				if v2 {
					files = append(files, limitFile{quota: path.Join(dir, "cpu.max")})
				} else {
					files = append(files, limitFile{
						quota:  path.Join(dir, "cpu.cfs_quota_us"),
						period: path.Join(dir, "cpu.cfs_period_us"),
					})
				}
				if dir == m.point || dir == "." {
					break
				}
			}
			break
		}
	}
	return files, nil
}

// A mount is what /proc/self/mountinfo says of a file system.
type mount struct {
	root, point, kind string
	options           []string // of the file system: a v1 hierarchy's controllers
}

// parseMount reads a line such as
//
//	31 23 0:28 /in/the/fs /mount/point rw,relatime shared:1 - cgroup cgroup rw,cpu
func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	fields, kind := strings.Fields(before), strings.Fields(after)
	if !ok || len(fields) < 6 || len(kind) < 3 {
		return mount{}, false
	}
	return mount{
		root:    unescape(fields[3]),
		point:   strings.TrimPrefix(unescape(fields[4]), "/"),
		kind:    kind[0],
		options: strings.Split(kind[2], ","),
	}, true
}

// dir returns where group is mounted. What a container sees mounted may be
// its own group, or the path be relative to a namespace's root.
func (m mount) dir(group string) string {
	rel, ok := strings.CutPrefix(group, strings.TrimSuffix(m.root, "/"))
	if !ok || rel != "" && rel[0] != '/' || strings.Contains(rel, "..") {
		return m.point
	}
	return path.Join(m.point, rel)
}

// unescape undoes the \ooo that stand for blanks and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func lines(text []byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		s := bufio.NewScanner(bytes.NewReader(text))
		for s.Scan() && yield(s.Text()) {
		}
	}
}
