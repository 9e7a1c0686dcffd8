/// A port for devices that nobody has asked for: the usual one, or another one that is free.
package enum PortChoice: Sendable, Equatable {
    case usual(PortCheck)
    /// Another program has the usual one.
    case instead(PortCheck, of: Int)
    /// Every one that may be chosen is in use.
    case none(of: PortCheck)

    /// The first of the usual one, 10,000 above it, 20,000 above it and so on that the broker of this folder has or could
    /// have. They are always the same few, so that a device that was told of one finds it again.
    package init(usually usual: PortCheck, in folder: String) {
        let numbers = stride(from: usual.number, through: 65_535, by: 10_000)
        let free = numbers.first { number in
            PrivateBroker.isListening(on: number, in: folder) || (try? usual.with(number).check()) != nil
        }
        switch free {
        case usual.number?: self = .usual(usual)
        case let number?: self = .instead(usual.with(number), of: usual.number)
        case nil: self = .none(of: usual)
        }
    }

    package var port: PortCheck? {
        switch self {
        case .usual(let port), .instead(let port, _): port
        case .none: nil
        }
    }

    /// What the operator is told if it is not the usual one, and what can be done about it.
    package var notice: String? {
        switch self {
        case .usual: nil
        case .instead(let port, let usual):
            "Port \(usual) (\(port.purpose)) is in use by another program; devices that know it get there, not here. "
                + "It is port \(port.number) for now. Stop that program and start again, or choose a port for good "
                + "with \(port.flag) or \(port.variable)."
        case .none(let usual):
            "Port \(usual.number) (\(usual.purpose)) and those that could stand in for it are in use by other programs; "
                + "there is none now. Stop them and start again, or choose a port with \(usual.flag) or \(usual.variable)."
        }
    }
}
