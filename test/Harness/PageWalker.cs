using System.Net;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;

namespace Latchkey.Tests.Harness;

/// <summary>
/// A person with a browser, without the browser: follows redirects, keeps cookies, fills in the page's first form and presses its buttons.
/// Stops where the server sends it away: at a client's redirect URI, which it never opens.
/// </summary>
/// <remarks>
/// The cookie jar is its own, because <see cref="CookieContainer"/> keeps back <c>Secure</c> cookies on http while browsers send them to loopback.
/// </remarks>
public sealed class PageWalker : IDisposable
{
    private const int MaximumRedirects = 20;

    private readonly Uri _issuer;
    private readonly HttpClient _http;
    private readonly HtmlParser _parser = new();
    private readonly Dictionary<string, string> _cookies = new(StringComparer.Ordinal);

    /// <summary>Opens a browser with no cookies.</summary>
    /// <param name="issuer">The server; whatever leads to another origin ends a walk.</param>
    /// <param name="person">Who sits before it: what <see cref="SignInAsync"/> types.</param>
    public PageWalker(string issuer, Person? person = null)
    {
        _issuer = new Uri(issuer);
        Person = person ?? DeclaredStates.Alice;
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    }

    public Person Person { get; set; }

    /// <summary>The cookies as name and value; tests may take them away or plant them.</summary>
    public IDictionary<string, string> Cookies => _cookies;

    /// <summary>Every <c>Set-Cookie</c> line received, in order.</summary>
    public List<string> SetCookies { get; } = [];

    /// <summary>Headers to send with every request, such as <c>Accept-Language</c>.</summary>
    public Dictionary<string, string> Headers { get; } = [];

    /// <summary>Every stop so far: method, status and URL of each answer.</summary>
    public List<(HttpMethod Method, HttpStatusCode Status, Uri Url)> Trail { get; } = [];

    /// <summary>Opens a URL and follows redirects until there is a page, or the way leads to another origin.</summary>
    public Task<Stop> GetAsync(string url) => WalkAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(_issuer, url)));

    /// <summary>Posts a form that is on no page.</summary>
    public Task<Stop> PostAsync(string url, params IEnumerable<(string Name, string Value)> fields) =>
        WalkAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(_issuer, url)) { Content = Form(fields) });

    /// <summary>
    /// Fills in the first form of a page and presses its submit button; a field given here takes the place of the page's own value, and a field
    /// that names a button, such as <c>("decision", "deny")</c>, is the button pressed.
    /// </summary>
    public Task<Stop> SubmitAsync(Stop page, params IEnumerable<(string Name, string Value)> fields)
    {
        var form = page.Form ?? throw new InvalidOperationException($"There is no form at {page}.");
        return SubmitAsync(page, form, fields);
    }

    /// <summary>As above with a form of the caller's choice.</summary>
    public Task<Stop> SubmitAsync(Stop page, IHtmlFormElement form, params IEnumerable<(string Name, string Value)> fields)
    {
        var given = fields.ToList();
        var sent = new List<(string, string)>();
        foreach (var control in form.Elements)
        {
            if (control.GetAttribute("name") is not { Length: > 0 } name || control.HasAttribute("disabled") || control is IHtmlButtonElement) continue;
            if (given.Any(field => field.Name == name)) continue;
            switch (control)
            {
                case IHtmlInputElement { Type: "submit" or "button" or "image" or "reset" }:
                case IHtmlInputElement { Type: "checkbox" or "radio", IsChecked: false }:
                    break;
                case IHtmlInputElement input:
                    sent.Add((name, input.Value));
                    break;
                case IHtmlSelectElement select:
                    sent.Add((name, select.Value ?? ""));
                    break;
                case IHtmlTextAreaElement area:
                    sent.Add((name, area.Value));
                    break;
                default:
                    break;
            }
        }

        sent.AddRange(given);
        var action = new Uri(page.Url, form.GetAttribute("action") is { Length: > 0 } target ? target : page.Url.ToString());
        var content = Form(sent);
        return string.Equals(form.Method, "post", StringComparison.OrdinalIgnoreCase)
            ? WalkAsync(new HttpRequestMessage(HttpMethod.Post, action) { Content = content })
            : GetAsync(action.GetLeftPart(UriPartial.Path) + "?" + content.ReadAsStringAsync().GetAwaiter().GetResult());
    }

    /// <summary>Fills in the login page.</summary>
    public Task<Stop> SignInAsync(Stop loginPage, Person? person = null)
    {
        var who = person ?? Person;
        return SubmitAsync(loginPage, ("username", who.Username), ("password", who.Password));
    }

    /// <summary>
    /// Walks from an authorization request to the answer at the client: signs in and decides wherever it is asked.
    /// </summary>
    /// <param name="url">The authorization request.</param>
    /// <param name="decision">What to press at consent: <c>allow</c> or <c>deny</c>.</param>
    /// <returns>The stop at the client's redirect URI, or the page that is no login, account choice or consent (an error page, say).</returns>
    public async Task<Stop> AuthorizeAsync(string url, string decision = "allow")
    {
        var stop = await GetAsync(url);
        return await FinishAsync(stop, decision);
    }

    /// <summary>Goes on from a page as <see cref="AuthorizeAsync"/> does.</summary>
    public async Task<Stop> FinishAsync(Stop stop, string decision = "allow")
    {
        for (var pages = 0; pages < 6; pages++)
        {
            if (stop.IsAtClient || stop.Form is null) return stop;
            if (stop.Has("password")) stop = await SignInAsync(stop);
            else if (stop.Has("decision", decision)) stop = await SubmitAsync(stop, ("decision", decision));
            else return stop;
            if (stop.Has("password") && stop.Status != HttpStatusCode.OK) return stop;
        }

        throw new InvalidOperationException($"The pages never come to an end; now at {stop}.");
    }

    public void Dispose() => _http.Dispose();

    private static FormUrlEncodedContent Form(IEnumerable<(string Name, string Value)> fields) =>
        new(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));

    private async Task<Stop> WalkAsync(HttpRequestMessage request)
    {
        for (var redirects = 0; redirects < MaximumRedirects; redirects++)
        {
            var url = request.RequestUri!;
            if (!IsHere(url)) return new Stop(url, null, "", null, IsAtClient: true);
            if (_cookies.Count > 0) request.Headers.Add("Cookie", string.Join("; ", _cookies.Select(cookie => $"{cookie.Key}={cookie.Value}")));
            foreach (var (name, value) in Headers) request.Headers.TryAddWithoutValidation(name, value);
            var method = request.Method;
            var response = await _http.SendAsync(request);
            request.Dispose();
            Trail.Add((method, response.StatusCode, url));
            Keep(response);
            if ((int)response.StatusCode is >= 300 and < 400 && response.Headers.Location is { } location)
            {
                var next = new Uri(url, location);
                // 307 and 308 would send the form, with the password in it, on to where it leads: the server must not use them.
                if (response.StatusCode is HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect)
                    throw new InvalidOperationException($"{(int)response.StatusCode} at {url} would send the form on.");
                response.Dispose();
                request = new HttpRequestMessage(HttpMethod.Get, next);
                continue;
            }

            var text = await response.Content.ReadAsStringAsync();
            var isPage = response.Content.Headers.ContentType?.MediaType == "text/html";
            return new Stop(url, response, text, isPage ? _parser.ParseDocument(text) : null, IsAtClient: false) { Issuer = _issuer };
        }

        throw new InvalidOperationException($"More than {MaximumRedirects} redirects:\n{string.Join('\n', Trail.TakeLast(MaximumRedirects))}");
    }

    private bool IsHere(Uri url) => url.Scheme == _issuer.Scheme && url.Host == _issuer.Host && url.Port == _issuer.Port;

    private void Keep(HttpResponseMessage response)
    {
        if (!response.Headers.TryGetValues("Set-Cookie", out var lines)) return;
        foreach (var line in lines)
        {
            SetCookies.Add(line);
            var parts = line.Split(';', StringSplitOptions.TrimEntries);
            var equals = parts[0].IndexOf('=', StringComparison.Ordinal);
            var (name, value) = (parts[0][..equals], parts[0][(equals + 1)..]);
            var gone = value.Length == 0 || parts.Skip(1).Any(part => part.Equals("max-age=0", StringComparison.OrdinalIgnoreCase)
                || (part.StartsWith("expires=", StringComparison.OrdinalIgnoreCase) && part.Contains("1970", StringComparison.Ordinal)));
            if (gone) _cookies.Remove(name);
            else _cookies[name] = value;
        }
    }
}

/// <summary>Where a walk came to: a page or another answer of the server, or a client's redirect URI.</summary>
/// <param name="Url">The URL, with query and fragment.</param>
/// <param name="Response">The answer; null at a client.</param>
/// <param name="Text">The answer's body.</param>
/// <param name="Document">The page; null if the answer is not HTML.</param>
/// <param name="IsAtClient">Whether the way led away from the server.</param>
public sealed record Stop(Uri Url, HttpResponseMessage? Response, string Text, IDocument? Document, bool IsAtClient)
{
    internal Uri? Issuer { get; init; }

    public HttpStatusCode Status => Response?.StatusCode ?? HttpStatusCode.SeeOther;

    /// <summary>The page's first form.</summary>
    public IHtmlFormElement? Form => Document?.QuerySelector<IHtmlFormElement>("form");

    /// <summary>The page's title.</summary>
    public string Title => Document?.Title ?? "";

    /// <summary>
    /// What the server tells the client: the query of the redirect, or the fields of a form_post page; empty elsewhere.
    /// </summary>
    public Answered Answer => IsAtClient ? Answered.FromQuery(Url)
        : FormPostTarget is not null ? new Answered(Form!.Elements.OfType<IHtmlInputElement>().Where(input => input.Name is { Length: > 0 })
            .GroupBy(input => input.Name!).ToDictionary(group => group.Key, group => group.First().Value))
        : new Answered(new Dictionary<string, string>());

    /// <summary>Where a form_post page sends its form; null if this is none.</summary>
    public Uri? FormPostTarget =>
        Form?.GetAttribute("action") is { } action && Uri.TryCreate(action, UriKind.Absolute, out var target)
        && Issuer is not null && target.GetLeftPart(UriPartial.Authority) != Issuer.GetLeftPart(UriPartial.Authority) ? target : null;

    /// <summary>Whether the first form has a control of this name, and of this value if given.</summary>
    public bool Has(string name, string? value = null) =>
        Form?.Elements.Any(control => control.GetAttribute("name") == name && (value is null || control.GetAttribute("value") == value)) == true;

    public override string ToString() => IsAtClient ? $"the client, {Url}" : $"{Url}, {(int)Status} {Title}\n{Text}";
}

/// <summary>The parameters of an authorization response.</summary>
public sealed record Answered(IReadOnlyDictionary<string, string> Parameters)
{
    public string? this[string name] => Parameters.GetValueOrDefault(name);

    public string? Code => this["code"];

    public string? Error => this["error"];

    public string? ErrorDescription => this["error_description"];

    public string? State => this["state"];

    public string? Issuer => this["iss"];

    internal static Answered FromQuery(Uri url)
    {
        var query = System.Web.HttpUtility.ParseQueryString(url.Query);
        return new(query.AllKeys.Where(key => key is not null).ToDictionary(key => key!, key => query[key]!));
    }
}
