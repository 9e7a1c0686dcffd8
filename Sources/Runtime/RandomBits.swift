internal import CLinux
internal import Glibc
internal import Synchronization

/// The system's randomness, taken by the page: one system call for hundreds of ids.
enum RandomBits {
    private static let page = Mutex<[UInt64]>([])

    /// Two words that nobody else gets.
    static func next() -> (UInt64, UInt64) {
        page.withLock { page in
            if page.count < 2 { page = freshPage() }
            return (page.removeLast(), page.removeLast())
        }
    }

    /// At most 256 bytes, which the kernel never hands over in part; word by word if it refuses.
    private static func freshPage() -> [UInt64] {
        var page = [UInt64](repeating: 0, count: 32)
        let size = page.withUnsafeMutableBytes { getrandom($0.baseAddress, $0.count, 0) }
        if size == page.count * 8 { return page }
        var system = SystemRandomNumberGenerator()
        return page.map { _ in system.next() }
    }
}
