import Foundation
import Installation
import Support

/// The clock that processes started with its environment go by; their measuring of durations is left alone.
struct ProcessClock: Sendable {
    private let library: String
    private let file: String

    /// Nil where there is no C compiler.
    init?() async throws {
        let places = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let candidates: [String] = places.flatMap { ["\($0)/clang", "\($0)/cc"] }
        let compiler = candidates.first { access($0, X_OK) == 0 }
        guard let compiler else { return nil }
        let folder = try ThrowawayFolder.make()
        (library, file) = (folder + "/clock.so", folder + "/offset")
        try Self.source.write(toFile: folder + "/clock.c", atomically: true, encoding: .utf8)
        try await Command(compiler, ["-shared", "-fPIC", "-O1", "-o", library, folder + "/clock.c"]).run()
        guard FileManager.default.createFile(atPath: file, contents: Data(count: 8)) else { return nil }
    }

    var environment: [String: String] { ["LD_PRELOAD": library, "CLOCK_OFFSET_FILE": file] }

    /// Sets it to so many seconds before or after the true time, at once and for all of them.
    func jump(by seconds: Int) throws {
        guard let handle = FileHandle(forWritingAtPath: file) else { throw Wrong("\(file) is gone") }
        defer { handle.closeFile() }
        try withUnsafeBytes(of: Int64(seconds)) { try handle.write(contentsOf: Data($0)) }
    }

    private static let source = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static volatile long *offset;

        __attribute__((constructor)) static void find_offset(void) {
            const char *path = getenv("CLOCK_OFFSET_FILE");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            if (file < 0) return;
            void *page = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
            if (page != MAP_FAILED) offset = page;
            close(file);
        }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int result = syscall(SYS_clock_gettime, clock, time);
            if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                time->tv_sec += *offset;
            return result;
        }

        int gettimeofday(struct timeval *restrict time, void *restrict zone) {
            struct timespec now;
            int result = clock_gettime(CLOCK_REALTIME, &now);
            time->tv_sec = now.tv_sec;
            time->tv_usec = now.tv_nsec / 1000;
            return result;
        }

        time_t time(time_t *seconds) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (seconds) *seconds = now.tv_sec;
            return now.tv_sec;
        }

        """
}
