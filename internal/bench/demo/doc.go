// Package demo runs examples/httpdemo as a process of its own and drives it with
// a load generator, for the programs that measure the service as a whole.
//
// Where there are two CPUs and more, the generator keeps to the first half of
// them and the services to the other, so that one does not take the other's
// time; what a service takes is read from its own CPU clock.
package demo
