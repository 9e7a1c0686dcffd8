internal import CLinux
import Foundation
import Glibc

/// What this process keeps resident.
enum ResidentMemory {
    /// Without what the allocator has for nobody.
    static var bytes: Double {
        malloc_trim(0)
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        return (pages?.dropFirst().first.flatMap { Double($0) } ?? 0) * Double(sysconf(Int32(_SC_PAGESIZE)))
    }
}
