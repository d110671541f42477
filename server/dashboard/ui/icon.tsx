/** Strokes on a 20 × 20 grid. One drawing per idea, so that a meaning has one picture everywhere. */
const drawings = {
  overview: 'M3 11.5 10 4l7 7.5M5 10v6.5h10V10',
  actions: 'M4 5.5h12M4 10h12M4 14.5h7M14 14l1.6 1.7L18.5 12',
  devices: 'M3 5h14v8.5H3zM7 16.5h6M10 13.5v3',
  groups: 'M3 4.500h6v5H3zM11 4.500h6v5h-6zM7 12.500h6v4H7zM6 9.500v1.500h8V9.500M10 11v1.500',
  audit: 'M6 8.5V6a4 4 0 0 1 8 0v2.5M4.5 8.5h11v8h-11zM10 11.5v2.5',
  settings:
    'M10 7.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM10 2.5v2M10 15.5v2M2.5 10h2M15.500 10h2M4.700 4.700l1.400 1.400M13.900 13.900l1.400 1.400M4.700 15.300l1.400-1.400M13.900 6.100l1.400-1.400',
  wait: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6.2V10l2.6 1.8',
  queue: 'M4 5.500h9M4 10h9M4 14.500h9M16.500 4v12M14.700 14.200l1.800 1.800 1.800-1.800',
  delivered: 'M3 10.5l3.500 3.500L13 7M10 13.500l.8.800L17.500 7.500',
  running: 'M16.5 10a6.500 6.500 0 1 1-2-4.700M16.500 3v3.300h-3.300',
  good: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM6.900 10.200l2.200 2.200 4-4.500',
  bad: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM7.500 7.500l5 5M12.500 7.500l-5 5',
  refused: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM5.300 5.300l9.400 9.400',
  conflict: 'M10 3.200 17.500 16.500h-15zM10 8v4M10 14.200v.3',
  cancelled: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM6.800 10h6.400',
  expired:
    'M6 3h8M6 17h8M7 3v2.500c0 2 6 3 6 5.500v-1c0 2.500-6 3.500-6 5.500V17M13 3v2.500c0 2-6 3-6 5.500M13 17v-1.500',
  held: 'M10 2.800l6 2.300v4.600c0 3.700-2.500 6.200-6 7.500-3.500-1.300-6-3.800-6-7.500V5.100zM7.500 9.900l1.800 1.800 3.300-3.600',
  undo: 'M4 5v4.500h4.500M4.300 9.300A6.300 6.300 0 1 1 5 13.500',
  search: 'M9 3.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM13 13l4 4',
  close: 'M5 5l10 10M15 5 5 15',
  check: 'M4 10.500l4 4 8-9',
  down: 'M5 7.500l5 5 5-5',
  right: 'M7.500 5l5 5-5 5',
  up: 'M5 12.500l5-5 5 5',
  left: 'M12.500 5l-5 5 5 5',
  columns: 'M3.500 4h13v12h-13zM8 4v12M12.300 4v12',
  filter: 'M3 5h14M6 10h8M8.500 15h3',
  download: 'M10 3v9M6.500 8.800 10 12.300l3.500-3.500M4 16.500h12',
  copy: 'M7 7h9.500v9.500H7zM13 7V3.500H3.500V13H7',
  link: 'M8.500 11.500a3 3 0 0 0 4.300 0l3-3a3 3 0 0 0-4.300-4.300l-1 1M11.500 8.500a3 3 0 0 0-4.300 0l-3 3a3 3 0 0 0 4.300 4.300l1-1',
  plus: 'M10 4v12M4 10h12',
  menu: 'M3.500 5.500h13M3.500 10h13M3.500 14.500h13',
  sun: 'M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM10 2v1.800M10 16.200V18M2 10h1.800M16.200 10H18M4.400 4.400l1.200 1.200M14.400 14.400l1.200 1.200M4.400 15.600l1.200-1.200M14.400 5.600l1.200-1.200',
  moon: 'M16.500 11.800A7 7 0 0 1 8.200 3.500a7 7 0 1 0 8.300 8.300z',
  person:
    'M10 3.500a3.200 3.200 0 1 0 0 6.400 3.200 3.200 0 0 0 0-6.400zM3.800 17c.5-3.300 3-5 6.200-5s5.700 1.700 6.200 5',
  key: 'M7 8.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM9.600 9.500 16.500 3M13.500 5.800l2.500 2.500',
  file: 'M5 2.500h6.500L15.500 6.500v11H5zM11.500 2.500v4h4',
  process: 'M6 6h8v8H6zM8 3v3M12 3v3M8 14v3M12 14v3M3 8h3M3 12h3M14 8h3M14 12h3',
  isolated: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM3 10h4M13 10h4M8.500 8v4M11.500 8v4',
  warning: 'M10 3.200 17.500 16.500h-15zM10 8v4M10 14.200v.3',
  info: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 9.200v4.300M10 6.500v.3',
  keyboard: 'M2.500 5.500h15v9h-15zM5.500 8.500h.1M8.500 8.500h.1M11.500 8.500h.1M14.500 8.500h.1M6.500 11.700h7',
  eye: 'M2.500 10S5 5 10 5s7.500 5 7.500 5-2.500 5-7.500 5-7.500-5-7.500-5zM10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  bolt: 'M11 2.500 4.500 11.500h5l-.5 6 6.500-9h-5z',
  leave: 'M8 4H4v12h4M8.500 10H17M13.500 6.500 17 10l-3.500 3.500',
} as const

export type IconName = keyof typeof drawings

/** A picture beside words; it says nothing by itself, so screen readers skip it. */
export const Icon = ({
  name,
  size = 18,
  className,
}: {
  name: IconName
  size?: number
  className?: string | undefined
}) => (
  <svg
    className={className}
    width={size}
    height={size}
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    strokeWidth={1.6}
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    <path d={drawings[name]} />
  </svg>
)
