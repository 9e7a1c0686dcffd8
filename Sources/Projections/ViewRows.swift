/// Rows of a view in memory, by id, and which of them were touched since they were read or stored.
///
/// They lie side by side and are changed where they are: a rebuild changes each of them hundreds of times.
package struct ViewRows<Row: Sendable>: Sendable {
    private var places: [String: Int] = [:]
    private var rows: ContiguousArray<Row?> = []
    private var ids: ContiguousArray<String> = []
    private var isTouched: ContiguousArray<Bool> = []
    /// Whether the table has a row with this id.
    private var isStored: ContiguousArray<Bool> = []
    private var touched: [Int] = []

    package init() {}

    /// How many ids are known, be it as ids that have no row.
    var count: Int { ids.count }

    /// Whoever writes touches the row, even if it stays as it was.
    package subscript(id: String) -> Row? {
        get { places[id].flatMap { rows[$0] } }
        _modify {
            let place = place(of: id)
            if !isTouched[place] {
                isTouched[place] = true
                touched.append(place)
            }
            yield &rows[place]
        }
    }

    /// Takes in a row as it is stored.
    mutating func load(_ row: Row, id: String) {
        let place = place(of: id)
        rows[place] = row
        isStored[place] = true
    }

    func isKnown(_ id: String) -> Bool { places[id] != nil }
    func isTouched(_ id: String) -> Bool { places[id].map { isTouched[$0] } ?? false }

    /// Those of the touched that exist, in the order of their ids so that two transactions cannot lock each other out.
    package var changed: [Row] { touched.sorted { ids[$0] < ids[$1] }.compactMap { rows[$0] } }

    /// The ids of those that were stored and do not exist any more.
    var gone: [String] { touched.filter { isStored[$0] && rows[$0] == nil }.map { ids[$0] }.sorted() }
    /// The same, apart from each other: those that the table has under their ids, and those that it has not.
    var changedByStorage: (stored: [Row], new: [Row]) {
        var (stored, new): ([Row], [Row]) = ([], [])
        for place in touched.sorted(by: { ids[$0] < ids[$1] }) {
            guard let row = rows[place] else { continue }
            if isStored[place] { stored.append(row) } else { new.append(row) }
        }
        return (stored, new)
    }

    /// All that exist, with their ids.
    var all: some Sequence<(id: String, row: Row)> {
        zip(ids, rows).lazy.compactMap { id, row in row.map { (id, $0) } }
    }

    /// The changes are in the table.
    mutating func forgetChanges() {
        for place in touched { (isTouched[place], isStored[place]) = (false, rows[place] != nil) }
        touched.removeAll(keepingCapacity: true)
    }

    private mutating func place(of id: String) -> Int {
        if let place = places[id] { return place }
        let place = rows.count
        places[id] = place
        rows.append(nil)
        ids.append(id)
        isTouched.append(false)
        isStored.append(false)
        return place
    }
}
