/// What a simulated device does when it is told to install firmware.
enum FirmwareHabit: Sendable, CaseIterable {
    /// Downloads, installs, runs the new version.
    case normal
    /// As normal, and says everything twice.
    case reportsTwice
    /// Fails the first time and succeeds the second.
    case stumbles
    case fails
    /// Begins to download and is never heard of again.
    case hangs
    /// Installs the new version and comes up with the old one.
    case fallsBack

    /// One device in five is not normal, in turn, so that each five devices in a row hold one.
    init(device index: Int, seed: UInt64) {
        let place = (UInt64(index) &+ seed) % 25
        self =
            switch place {
            case 4: .reportsTwice
            case 9: .stumbles
            case 14: .fails
            case 19: .hangs
            case 24: .fallsBack
            default: .normal
            }
    }
}
