using System.Net;
using System.Text.RegularExpressions;

namespace Latchkey.Testing.Browsing;

/// <summary>
/// The first form of a page, read well enough for pages of this server and for forms that post themselves on: no browser is needed for those.
/// </summary>
/// <param name="Action">Where it goes, as written.</param>
/// <param name="IsPost">Whether it is posted.</param>
/// <param name="Fields">Its input fields with their values.</param>
/// <param name="Buttons">Its named submit buttons.</param>
internal sealed partial record PageForm(string Action, bool IsPost, IReadOnlyList<(string Name, string Value)> Fields, IReadOnlyList<(string Name, string Value)> Buttons)
{
    public static PageForm? First(string html)
    {
        if (FormElement().Match(html) is not { Success: true } form) return null;
        var start = Attributes(form.Groups["start"].Value);
        var fields = new List<(string, string)>();
        var buttons = new List<(string, string)>();
        foreach (Match element in Control().Matches(form.Groups["content"].Value))
        {
            var attributes = Attributes(element.Groups["attributes"].Value);
            if (!attributes.TryGetValue("name", out var name) || attributes.ContainsKey("disabled")) continue;
            var value = attributes.GetValueOrDefault("value", "");
            var type = attributes.GetValueOrDefault("type", element.Groups["tag"].Value.Equals("button", StringComparison.OrdinalIgnoreCase) ? "submit" : "text").ToUpperInvariant();
            if (type == "SUBMIT") buttons.Add((name, value));
            else if (type is not ("BUTTON" or "RESET" or "IMAGE" or "CHECKBOX" or "RADIO") || attributes.ContainsKey("checked")) fields.Add((name, value));
        }

        return new(start.GetValueOrDefault("action", ""), start.GetValueOrDefault("method", "").Equals("post", StringComparison.OrdinalIgnoreCase), fields, buttons);
    }

    public bool Has(string field) => Fields.Any(each => each.Name == field);

    public bool HasButton(string name, string value) => Buttons.Contains((name, value));

    /// <summary>What is sent when these are typed or pressed.</summary>
    public List<KeyValuePair<string, string>> Filled(params IEnumerable<(string Name, string Value)> typed)
    {
        var given = typed.ToList();
        return [.. Fields.Where(field => !given.Exists(each => each.Name == field.Name)).Concat(given).Select(field => KeyValuePair.Create(field.Name, field.Value))];
    }

    private static Dictionary<string, string> Attributes(string text)
    {
        var attributes = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (Match attribute in Attribute().Matches(text))
            attributes.TryAdd(attribute.Groups["name"].Value, WebUtility.HtmlDecode(attribute.Groups["value"].Value));
        return attributes;
    }

    [GeneratedRegex("""<form\b(?<start>(?:[^>"']|"[^"]*"|'[^']*')*)>(?<content>.*?)</form>""", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex FormElement();

    [GeneratedRegex("""<(?<tag>input|button|select|textarea)\b(?<attributes>(?:[^>"']|"[^"]*"|'[^']*')*)>""", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex Control();

    [GeneratedRegex("""(?<name>[^\s=>"'/]+)(?:\s*=\s*(?:"(?<value>[^"]*)"|'(?<value>[^']*)'|(?<value>[^\s>"']+)))?""", RegexOptions.Singleline)]
    private static partial Regex Attribute();
}
