internal import CLinux

/// What a descriptor is waited for, and what it turned out to be ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let read = Readiness(rawValue: 1)
    package static let write = Readiness(rawValue: 2)
}

extension Readiness {
    var epollEvents: UInt32 {
        (contains(.read) ? EPOLLIN.rawValue : 0) | (contains(.write) ? EPOLLOUT.rawValue : 0)
    }

    /// An error or a hang-up counts as ready for both: the next read or write will say what is wrong.
    init(epollEvents events: UInt32) {
        let broken = events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        self = []
        if broken || events & EPOLLIN.rawValue != 0 { insert(.read) }
        if broken || events & EPOLLOUT.rawValue != 0 { insert(.write) }
    }
}

/// Names one watch. A descriptor's number is used again after it is closed; the token's is not.
package struct WatchToken: Sendable, Hashable {
    let descriptor: Int32
    let number: UInt32

    init(descriptor: Int32, number: UInt32) {
        self.descriptor = descriptor
        self.number = number
    }

    init(mark: UInt64) {
        descriptor = Int32(truncatingIfNeeded: mark)
        number = UInt32(truncatingIfNeeded: mark >> 32)
    }

    var mark: UInt64 { UInt64(number) << 32 | UInt64(UInt32(bitPattern: descriptor)) }
}

/// A call to the operating system that failed, with its errno.
package struct SystemCallFailed: Error, Sendable {
    package let call: String
    package let code: Int32

    package init(call: String, code: Int32) {
        self.call = call
        self.code = code
    }
}
