//go:build !unix

package process

func rusage() (usage, error) { return usage{}, errAbsent }

func rlimit() (int64, error) { return 0, errAbsent }
