import Aggregates

/// The groups of a rollout, and how many devices of each have come to an end.
struct RolloutGroups: Sendable {
    struct Tally: Sendable, Equatable {
        var succeeded = 0
        /// Timed out ones included.
        var failed = 0
        var ended: Int { succeeded + failed }
    }

    let deviceCount: Int
    private let groupSize: Int
    private var tallies: ChunkedArray<Tally>
    /// How many are open.
    private(set) var opened = 0
    /// All groups before this one have ended.
    private var firstUnderWay = 0

    init(of size: Int = 1, deviceCount: Int = 0) {
        groupSize = size
        self.deviceCount = deviceCount
        tallies = ChunkedArray(repeating: Tally(), count: (deviceCount + size - 1) / size)
    }

    var count: Int { tallies.count }

    /// The last group may be smaller.
    func size(of group: Int) -> Int { min(groupSize, deviceCount - group * groupSize) }

    subscript(group: Int) -> Tally {
        get { tallies[group] }
        set { tallies[group] = newValue }
    }

    mutating func open(upTo count: Int) {
        opened = count
        while firstUnderWay < opened - 1, hasEnded(firstUnderWay) { firstUnderWay += 1 }
    }

    private func hasEnded(_ group: Int) -> Bool { tallies[group].ended == size(of: group) }

    /// The open groups of which something can come yet. The newest one is always among them.
    private var underWay: [Int] {
        (firstUnderWay..<max(firstUnderWay, opened)).filter { $0 == opened - 1 || !hasEnded($0) }
    }
}

/// Kept are only the groups under way, three numbers each: the driver's state is stored with each of its decisions, and
/// there are as many decisions as groups.
extension RolloutGroups: Codable {
    private enum Key: CodingKey { case devices, size, opened, underWay }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let size = try container.decode(Int.self, forKey: .size)
        let deviceCount = try container.decode(Int.self, forKey: .devices)
        let opened = try container.decode(Int.self, forKey: .opened)
        let underWay = try container.decode([[Int]].self, forKey: .underWay)
        guard size > 0, deviceCount >= 0 else {
            throw DecodingError.dataCorruptedError(forKey: .size, in: container, debugDescription: "no groups")
        }
        self.init(of: size, deviceCount: deviceCount)
        guard (0...count).contains(opened),
            underWay.allSatisfy({ $0.count == 3 && (0..<opened).contains($0[0]) })
        else {
            throw DecodingError.dataCorruptedError(forKey: .underWay, in: container, debugDescription: "no such group")
        }
        // How the others ended makes no difference any more.
        for group in 0..<opened { tallies[group].succeeded = self.size(of: group) }
        for numbers in underWay { tallies[numbers[0]] = Tally(succeeded: numbers[1], failed: numbers[2]) }
        open(upTo: opened)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(deviceCount, forKey: .devices)
        try container.encode(groupSize, forKey: .size)
        try container.encode(opened, forKey: .opened)
        try container.encode(
            underWay.map { [$0, tallies[$0].succeeded, tallies[$0].failed] }, forKey: .underWay)
    }
}

extension RolloutGroups: Equatable {
    /// By what a stored state keeps.
    static func == (left: Self, right: Self) -> Bool {
        (left.deviceCount, left.groupSize, left.opened) == (right.deviceCount, right.groupSize, right.opened)
            && left.underWay == right.underWay && left.underWay.allSatisfy { left[$0] == right[$0] }
    }
}
