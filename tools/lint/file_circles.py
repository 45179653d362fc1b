"""Files that include each other in a circle. A header and its source count as one: what they need together is what either needs.
The header of a source is the one beside it, or else the public one of its name."""
import header_truth


def unit(path, headers):
    header = None if path in headers else header_truth.header_of(path, headers)
    return (header or path).with_suffix("")


def arrows(includes):
    """unit -> units that it includes, without itself."""
    found = {}
    headers = [path for path in includes if path.suffix == ".hpp"]
    for path, targets in includes.items():
        own = unit(path, headers)
        found.setdefault(own, set()).update({unit(t, headers) for t in targets if t} - {own})
    return found


def circles(found):
    """The strongly connected components of more than one unit, by Tarjan's algorithm without recursion."""
    index, low, stack, result = {}, {}, [], []
    for root in sorted(found):
        work = [(root, iter(sorted(found[root])))] if root not in index else []
        while work:
            node, rest = work[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                stack.append(node)
            target = next(rest, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    if len(stack) - at > 1:
                        result.append(sorted(stack[at:]))
                    del stack[at:]
            elif target not in index:
                work.append((target, iter(sorted(found.get(target, ())))))
            elif target in stack:
                low[node] = min(low[node], index[target])
    return result


def problems(includes):
    """`includes`: each file with the files of ours that it includes, None for others."""
    for circle in circles(arrows(includes)):
        yield f"{circle[0]}: includes itself by way of {', '.join(str(u) for u in circle[1:])}"
