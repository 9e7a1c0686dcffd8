/// Rows of a view in memory, by id, and which of them were touched since they were read or stored.
///
/// They lie side by side and are changed where they are: a rebuild changes each of them hundreds of times.
package struct ViewRows<Row: Sendable>: Sendable {
    private var placesByID: [String: Int] = [:]
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
        get { placesByID[id].flatMap { rows[$0] } }
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

    func isKnown(_ id: String) -> Bool { placesByID[id] != nil }
    func isTouched(_ id: String) -> Bool { placesByID[id].map { isTouched[$0] } ?? false }

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

    /// The places of the rows, in the order in which their ids came.
    var places: Range<Int> { 0..<rows.count }
    subscript(place place: Int) -> Row? { rows[place] }

    /// Gives up the rows that were not touched. Those that are to stay do, if they are no more than `most`.
    ///
    /// The room is kept for those that will come.
    mutating func forget(allBut most: Int, _ isToStay: (Row) -> Bool) {
        var staying = 0
        if most > 0 {
            for place in rows.indices where !isTouched[place] {
                if let row = rows[place], isToStay(row) { staying += 1 }
                if staying > most { break }
            }
        }
        let mayStay = staying > 0 && staying <= most
        placesByID.removeAll(keepingCapacity: true)
        touched.removeAll(keepingCapacity: true)
        var next = 0
        for place in rows.indices {
            guard isTouched[place] || mayStay && (rows[place].map(isToStay) ?? false) else { continue }
            if next < place {
                rows[next] = rows[place]
                ids[next] = ids[place]
                isTouched[next] = isTouched[place]
                isStored[next] = isStored[place]
            }
            placesByID[ids[next]] = next
            if isTouched[next] { touched.append(next) }
            next += 1
        }
        rows.removeLast(rows.count - next)
        ids.removeLast(ids.count - next)
        isTouched.removeLast(isTouched.count - next)
        isStored.removeLast(isStored.count - next)
    }

    private mutating func place(of id: String) -> Int {
        if let place = placesByID[id] { return place }
        let place = rows.count
        placesByID[id] = place
        rows.append(nil)
        ids.append(id)
        isTouched.append(false)
        isStored.append(false)
        return place
    }
}
