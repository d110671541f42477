import {
  type BinaryOperationNode,
  OperatorNode,
  PrimitiveValueListNode,
  type QueryCompiler,
  SqliteDialect,
  SqliteQueryCompiler,
} from 'kysely'

/**
 * A list after `in` is filled up with its last value to the next of a few lengths, which changes nothing of what it means. Each length
 * is a text of its own, and a statement that is kept: a thousand values take 280 KiB, and lists of all lengths took hundreds of MiB.
 */
export class EvenListsDialect extends SqliteDialect {
  override createQueryCompiler(): QueryCompiler {
    return new EvenListsCompiler()
  }
}

class EvenListsCompiler extends SqliteQueryCompiler {
  protected override visitBinaryOperation(node: BinaryOperationNode): void {
    const { operator, rightOperand } = node
    const isList = OperatorNode.is(operator) && (operator.operator === 'in' || operator.operator === 'not in')
    if (!isList || !PrimitiveValueListNode.is(rightOperand)) return super.visitBinaryOperation(node)
    super.visitBinaryOperation({ ...node, rightOperand: PrimitiveValueListNode.create(filledUp(rightOperand.values)) })
  }
}

/** Short lists are left as they are, and those for which SQLite would have too few places (32,766). */
const shortest = 8
const longest = 16_384

function filledUp(values: readonly unknown[]): readonly unknown[] {
  if (values.length <= shortest || values.length > longest) return values
  const length = 2 ** Math.ceil(Math.log2(values.length))
  return [...values, ...Array.from({ length: length - values.length }, () => values.at(-1))]
}
