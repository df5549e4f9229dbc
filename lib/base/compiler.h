/* compiler - what gcc and clang can be told; elsewhere it means nothing. */
#ifndef GOLEAK_BASE_COMPILER_H
#define GOLEAK_BASE_COMPILER_H

#if defined(__GNUC__) || defined(__clang__)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ALWAYS_INLINE __attribute__((always_inline)) static inline
#define NOINLINE __attribute__((noinline))
#else
#define LIKELY(x) (x)
#define UNLIKELY(x) (x)
#define ALWAYS_INLINE static inline
#define NOINLINE
#endif

/* Who looks for bytes that are written behind the end of a block sees that only where each block is one of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define GOLEAK_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GOLEAK_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef GOLEAK_ADDRESS_SANITIZER
#define GOLEAK_ADDRESS_SANITIZER 0
#endif

/* Macros, because gcc takes a function that only prefetches for one without
 * effect, and drops the calls. */
#if defined(__GNUC__) || defined(__clang__)
#define GOLEAK_PREFETCH(at) __builtin_prefetch(at)
#define GOLEAK_PREFETCHER __attribute__((always_inline)) static inline
#else
#define GOLEAK_PREFETCH(at) ((void)(at))
#define GOLEAK_PREFETCHER static inline
#endif

#endif
