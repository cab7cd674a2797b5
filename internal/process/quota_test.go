package process_test

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/otelperf/otelperf-go/internal/process"
)

const (
	mountV2       = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	mountV1       = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n36 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	mountDocker   = "36 31 0:31 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"
	mountBlank    = `29 23 0:26 / /mnt/with\040blank rw - cgroup2 cgroup2 rw` + "\n"
	mountUnhelped = "29 23 0:26 / /sys/fs/cgroup rw\n29 23 cgroup2\n\n" + mountV2
)

func TestQuota(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  float64 // 0: none
	}{
		{"no cgroups", map[string]string{}, 0},
		{"v2, no limit", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/a/cpu.max": "max 100000\n",
		}, 0},
		{"v2", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/a/cpu.max": "150000 100000\n",
		}, 1.5},
		{"v2, the enclosing group allows less", map[string]string{
			"proc/self/cgroup": "0::/a/b/c\n", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/a/cpu.max": "25000 50000\n", "sys/fs/cgroup/a/b/cpu.max": "max 50000\n", "sys/fs/cgroup/a/b/c/cpu.max": "200000 100000\n",
		}, 0.5},
		{"v2, in a namespace", map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/cpu.max": "250000 100000\n",
		}, 2.5},
		{"v2, outside the namespace's root", map[string]string{
			"proc/self/cgroup": "0::/../other\n", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/cpu.max": "250000 100000\n",
		}, 2.5},
		{"v2, a blank in the mount point", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mountBlank,
			"mnt/with blank/a/cpu.max": "300000 100000\n",
		}, 3},
		{"v1", map[string]string{
			"proc/self/cgroup": "5:memory:/x\n4:cpu,cpuacct:/a/b\n", "proc/self/mountinfo": mountV1,
			"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us": "75000\n", "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
		}, 0.75},
		{"v1, no limit", map[string]string{
			"proc/self/cgroup": "4:cpu,cpuacct:/\n", "proc/self/mountinfo": mountV1,
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
		}, 0},
		{"v1, a container's own group mounted", map[string]string{
			"proc/self/cgroup": "4:cpuacct,cpu:/docker/abc\n", "proc/self/mountinfo": mountDocker,
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
		}, 4},
		{"v1, another root mounted", map[string]string{
			"proc/self/cgroup": "4:cpu:/docker/abcdef\n", "proc/self/mountinfo": mountDocker,
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
		}, 4},
		{"both, v1 has the controller", map[string]string{
			"proc/self/cgroup": "4:cpu,cpuacct:/a\n0::/a\n", "proc/self/mountinfo": mountV1 + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "50000\n", "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
		}, 0.5},
		{"nonsense", map[string]string{
			"proc/self/cgroup": "what\n0::/a/b/c/d/e\n", "proc/self/mountinfo": mountUnhelped,
			"sys/fs/cgroup/a/cpu.max": "200000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "1 2 3\n",
			"sys/fs/cgroup/a/b/c/cpu.max": "1 0\n", "sys/fs/cgroup/a/b/c/d/cpu.max": "x 100000\n", "sys/fs/cgroup/a/b/c/d/e/cpu.max": "-5 y\n",
		}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, text := range test.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, ok, err := process.Quota(root)
			if err != nil || got != test.want || ok != (test.want > 0) {
				t.Errorf("quota = %v, %t, %v, want %v", got, ok, err, test.want)
			}
		})
	}
}

func TestQuotaCannotBeRead(t *testing.T) {
	_, _, err := process.Quota(fstest.MapFS{"proc/self/cgroup": &fstest.MapFile{Data: []byte("0::/\n")}})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without mountinfo the error is %v", err)
	}
}

// A limit that changes, and a process that moves to another group, are seen.
func TestQuotaFollows(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	root := fstest.MapFS{
		"proc/self/cgroup": file("0::/a\n"), "proc/self/mountinfo": file(mountV2),
		"sys/fs/cgroup/a/cpu.max": file("100000 100000\n"),
	}
	cpus := process.QuotaOf(root)
	for _, step := range []struct {
		change func()
		want   []float64
	}{
		{func() {}, []float64{1}},
		{func() { root["sys/fs/cgroup/a/cpu.max"] = file("300000 100000\n") }, []float64{3}},
		{func() {
			delete(root, "sys/fs/cgroup/a/cpu.max")
			root["proc/self/cgroup"] = file("0::/b\n")
			root["sys/fs/cgroup/b/cpu.max"] = file("50000 100000\n")
		}, []float64{0, 0.5}}, // unknown once
	} {
		step.change()
		for _, want := range step.want {
			if got, _, err := cpus(); got != want || err != nil {
				t.Errorf("quota = %v, %v, want %v", got, err, want)
			}
		}
	}
}

func FuzzQuota(f *testing.F) {
	f.Add("0::/a\n", mountV2, "100000 100000\n")
	f.Add("4:cpu,cpuacct:/a\n", mountV1, "-1\n")
	f.Add("4:cpu:/docker/abc\n", mountDocker, "max\n")
	f.Fuzz(func(t *testing.T, groups, mounts, limit string) {
		root := fstest.MapFS{}
		for name, text := range map[string]string{
			"proc/self/cgroup": groups, "proc/self/mountinfo": mounts,
			"sys/fs/cgroup/a/cpu.max": limit, "sys/fs/cgroup/cpu.max": limit,
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": limit, "sys/fs/cgroup/cpu/cpu.cfs_period_us": limit,
		} {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if cpus, ok, err := process.Quota(root); ok && (err != nil || !(cpus > 0)) {
			t.Errorf("quota = %v, %v", cpus, err)
		}
	})
}
