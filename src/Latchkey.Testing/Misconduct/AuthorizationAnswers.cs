using System.Net;
using System.Text;
using Latchkey.Testing.Browsing;
using Microsoft.AspNetCore.Http.Extensions;

namespace Latchkey.Testing.Misconduct;

/// <summary>Changes what the authority tells a client through the browser.</summary>
internal static class AuthorizationAnswers
{
    public static void Change(Exchange exchange, string issuer, Action<IDictionary<string, string>> change)
    {
        if (exchange.Response.Headers.Location.ToString() is { Length: > 0 } location) ChangeRedirect(exchange, location, change);
        else if (exchange.Response.ContentType?.StartsWith("text/html", StringComparison.Ordinal) == true && exchange.Body is { } body) ChangeForm(exchange, issuer, Encoding.UTF8.GetString(body), change);
    }

    /// <summary>The URL with other answer parameters; the same where it carries none.</summary>
    public static string ChangeUrl(string location, Action<IDictionary<string, string>> change)
    {
        if (!Uri.TryCreate(location, UriKind.Absolute, out var url)) return location;
        var parameters = UrlParameters.Read(url.Query);
        if (!IsAnswer(parameters)) return location;
        var changed = parameters.ToDictionary(StringComparer.Ordinal);
        change(changed);
        var end = location.IndexOf('?', StringComparison.Ordinal);
        return location[..end] + new QueryBuilder(changed);
    }

    private static bool IsAnswer(IReadOnlyDictionary<string, string> parameters) => parameters.ContainsKey("code") || parameters.ContainsKey("error") || parameters.ContainsKey("response");

    private static void ChangeRedirect(Exchange exchange, string location, Action<IDictionary<string, string>> change)
    {
        if (ChangeUrl(location, change) is var changed && changed != location) exchange.Response.Headers.Location = changed;
    }

    private static void ChangeForm(Exchange exchange, string issuer, string page, Action<IDictionary<string, string>> change)
    {
        // A path such as /consent is a file's address to some systems, and the authority's own page to a browser.
        if (PageForm.First(page) is not { } form || !Uri.TryCreate(form.Action, UriKind.Absolute, out var target) || target.Scheme is not ("http" or "https")
            || target.GetLeftPart(UriPartial.Authority) == new Uri(issuer).GetLeftPart(UriPartial.Authority)) return;
        var fields = form.Fields.ToDictionary(field => field.Name, field => field.Value, StringComparer.Ordinal);
        change(fields);
        var inputs = string.Concat(fields.Select(field => $"<input type=\"hidden\" name=\"{WebUtility.HtmlEncode(field.Key)}\" value=\"{WebUtility.HtmlEncode(field.Value)}\">"));
        exchange.SetBody($"<!doctype html><title>Back</title><form method=\"post\" action=\"{WebUtility.HtmlEncode(form.Action)}\">{inputs}<button type=\"submit\">Go</button></form>");
    }
}
