using System.Globalization;
using Deque.AxeCore.Commons;
using Microsoft.Playwright;

namespace Latchkey.Browser.Tests.Site;

/// <summary>Looks at a page in light and dark, on a phone and on a desktop.</summary>
internal static class Looks
{
    // With LATCHKEY_SCREENSHOTS=FOLDER every look is kept, for people to look at.
    private static readonly string? Screenshots = Environment.GetEnvironmentVariable("LATCHKEY_SCREENSHOTS") is { Length: > 0 } folder ? folder : null;

    private static readonly string Axe = new BundledAxeScriptProvider().GetScript();

    private const string Violations = """
        async () => {
          const { violations } = await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] });
          return violations.map(v => `${v.impact} ${v.id}, ${v.help}: ${v.nodes.map(node => node.html).join(" | ")}`);
        }
        """;

    /// <summary>Fails where a page can't be read by everybody, or is wider than the window.</summary>
    public static async Task LookAsync(this Visitor visitor, string name)
    {
        var page = visitor.Page;
        var faults = new List<string>();
        await page.EvaluateAsync(Axe);
        foreach (var width in new[] { 320, 1280 })
        {
            await page.SetViewportSizeAsync(width, 800);
            foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
            {
                await page.EmulateMediaAsync(new() { ColorScheme = scheme });
                var look = string.Create(CultureInfo.InvariantCulture, $"{name}, {scheme}, {width} px");
                var overflow = await page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
                if (overflow > 0) faults.Add($"{look}: {overflow} px wider than the window");
                faults.AddRange((await page.EvaluateAsync<string[]>(Violations)).Select(fault => $"{look}: {fault}"));
                if (Screenshots is not null)
                {
                    var file = string.Create(CultureInfo.InvariantCulture, $"{name.Replace(' ', '-')}-{width}-{scheme}.png").ToLowerInvariant();
                    await page.ScreenshotAsync(new() { Path = Path.Combine(Screenshots, file), FullPage = true });
                }
            }
        }

        Assert.Empty(faults);
    }
}
