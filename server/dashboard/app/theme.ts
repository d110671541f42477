import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core'

/** Deep teal: calm, apart from every colour that means a status. White on shades 6 and 7 is 4.5:1 and more. */
const tide: MantineColorsTuple = [
  '#e6f6f6',
  '#cfe9ea',
  '#a3d3d6',
  '#7cc3c8',
  '#56b4bb',
  '#2f98a1',
  '#1a7f89',
  '#0b6670',
  '#08535c',
  '#054048',
]
const gray: MantineColorsTuple = [
  '#f4f6f7',
  '#ecf0f2',
  '#e1e7ea',
  '#d3dbe0',
  '#bfc9d0',
  '#9aa8b2',
  '#65747f',
  '#4c5b66',
  '#313d47',
  '#16202a',
]
const dark: MantineColorsTuple = [
  '#e5ecf1',
  '#c4cfd8',
  '#9fb0bd',
  '#8496a4',
  '#2d3a45',
  '#222d36',
  '#171f27',
  '#0f151a',
  '#0b1014',
  '#070b0e',
]

export const theme = createTheme({
  primaryColor: 'tide',
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  colors: { tide, gray, dark },
  black: '#16202a',
  defaultRadius: 6,
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily:
    "Inter, 'Segoe UI', system-ui, -apple-system, Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', sans-serif",
  fontFamilyMonospace:
    "ui-monospace, 'SFMono-Regular', 'Cascadia Mono', 'JetBrains Mono', 'DejaVu Sans Mono', Menlo, monospace",
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  headings: { fontWeight: '620' },
})

/** What Mantine calls by its own names, in our colours; the rest of the tokens are in tokens.css. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#ffffff',
    '--mantine-color-dimmed': '#54636e',
    '--mantine-color-placeholder': '#65747f',
    '--mantine-color-default-border': '#c9d2d8',
    '--mantine-color-error': '#b3261e',
    '--mantine-color-anchor': '#0b6670',
  },
  dark: {
    '--mantine-color-body': '#141b21',
    '--mantine-color-dimmed': '#9fb0bd',
    '--mantine-color-placeholder': '#8496a4',
    '--mantine-color-default-border': '#33414d',
    '--mantine-color-error': '#ff8f85',
    '--mantine-color-anchor': '#6fc5cb',
  },
})
