package middleware

import (
	"maps"
	"sync"
	"sync/atomic"
)

// A table is a map that is read all the time and written a bounded number of
// times, without a lock and without an allocation for reading. The map is
// replaced, not changed; adding costs a copy, which the limits of those who use
// the table bound too. In front of it lie slots, which answer for the keys in
// steady use without hashing them.
type table[K comparable, V any] struct {
	slots [64]atomic.Pointer[entry[K, V]]
	all   atomic.Pointer[map[K]*entry[K, V]]
	mu    sync.Mutex
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// at is find for the key that its slot keeps, small enough to be compiled into
// its callers.
func (t *table[K, V]) at(k K, slot uint) (v V, ok bool) {
	if e := t.slots[slot%uint(len(t.slots))].Load(); e != nil && e.key == k {
		return e.value, true
	}
	return v, false
}

// find returns the value of k. The slot is any cheap function of the key.
func (t *table[K, V]) find(k K, slot uint) (v V, ok bool) {
	if v, ok = t.at(k, slot); ok {
		return v, true
	}
	found, ok := t.load()[k]
	if !ok {
		return v, false
	}
	// The first one keeps the slot: two that took turns would cost more than the
	// map does.
	if s := &t.slots[slot%uint(len(t.slots))]; s.Load() == nil {
		s.Store(found)
	}
	return found.value, true
}

// lookup is find for those who ask rarely.
func (t *table[K, V]) lookup(k K) (v V, ok bool) {
	if e, ok := t.load()[k]; ok {
		return e.value, true
	}
	return v, false
}

// load returns all entries. The map must not be changed.
func (t *table[K, V]) load() map[K]*entry[K, V] {
	if m := t.all.Load(); m != nil {
		return *m
	}
	return nil
}

// full tells whether the table has no room, so that nobody readies in vain what
// would be added.
func (t *table[K, V]) full(limit int) bool { return len(t.load()) >= limit }

// add returns the value of k, made by build if there is none, or false if the
// table has limit entries and k is not one of them.
func (t *table[K, V]) add(k K, limit int, build func() V) (v V, ok bool) {
	if v, ok = t.lookup(k); ok || t.full(limit) {
		return v, ok
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if v, ok = t.lookup(k); ok || t.full(limit) {
		return v, ok
	}
	v = build()
	t.put(k, v)
	return v, true
}

// put sets the value of a key that is not in any slot. The caller holds mu.
func (t *table[K, V]) put(k K, v V) {
	grown := maps.Clone(t.load())
	if grown == nil {
		grown = make(map[K]*entry[K, V])
	}
	grown[k] = &entry[K, V]{k, v}
	t.all.Store(&grown)
}
