/// What the fleet's devices are called and where they hang.
struct Roster: Sendable {
    struct Entry: Sendable, Equatable {
        var serial: String
        var type: SensorType
        var name: String
        var labels: [String: String]
    }

    private let random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private static let streets = [
        "Elm St", "Harbour Rd", "Mill Lane", "Station Rd", "Kings Ave", "Orchard Way", "Chapel St", "Bridge St",
    ]

    func entry(at index: Int) -> Entry {
        var random = random.derived(for: index)
        let type = SensorType.at(index)
        // Ten devices share a flat, three flats a floor, four floors a house.
        let flat = index / 10
        let house = flat / 12
        let building =
            "\(Self.streets[house % Self.streets.count]) \(2 + house / Self.streets.count * 2 + house % 3 * 10)"
        let unit = "\(flat % 12 / 3 + 1)\(["A", "B", "C"][flat % 3])"
        let room = type.rooms[index % 10 / 2 % type.rooms.count]
        let digits = String(UInt32.random(in: 0x10_0000...0xFF_FFFF, using: &random), radix: 16, uppercase: true)
        return Entry(
            serial: "\(type.model)-\(Int.random(in: 22...26, using: &random))-\(digits)", type: type,
            name: "\(type.title), \(room), \(building) / \(unit)",
            labels: ["building": building, "unit": unit, "room": room, "source": "simulator"])
    }
}

extension SensorType {
    fileprivate var model: String {
        switch self {
        case .smoke: "SMK"
        case .temperature: "TMP"
        case .water: "WTR"
        case .humidity: "HUM"
        case .motion: "MOT"
        case .battery: "BAT"
        }
    }

    fileprivate var title: String {
        switch self {
        case .smoke: "Smoke alarm"
        case .temperature: "Thermometer"
        case .water: "Water sensor"
        case .humidity: "Humidity sensor"
        case .motion: "Motion detector"
        case .battery: "Backup battery"
        }
    }

    fileprivate var rooms: [String] {
        switch self {
        case .smoke: ["hallway", "bedroom", "living room", "kitchen"]
        case .temperature: ["living room", "bedroom", "kitchen"]
        case .water: ["bathroom", "kitchen", "under the sink"]
        case .humidity: ["bathroom", "cellar"]
        case .motion: ["hallway", "staircase"]
        case .battery: ["meter cupboard"]
        }
    }
}
