using Latchkey.Testing.Misconduct;

namespace Latchkey.Testing.Browsing;

/// <content>What people do that apps must survive.</content>
public sealed partial class AuthorityBrowser
{
    private bool _denies;
    private bool _closesTab;
    private bool _submitsTwice;
    private bool _goesBack;
    private bool _choosesOther;
    private Action<IDictionary<string, string>>? _tamper;

    /// <summary>Presses Deny wherever there is a choice.</summary>
    public AuthorityBrowser Deny()
    {
        _denies = true;
        return this;
    }

    /// <summary>Presses Allow wherever there is a choice, as at first.</summary>
    public AuthorityBrowser Allow()
    {
        _denies = false;
        return this;
    }

    /// <summary>
    /// Another person takes over at the same browser: signs in at the authority as themself from now on. What the app's cookies say stays.
    /// </summary>
    /// <param name="user">The name of a person of the authority.</param>
    public AuthorityBrowser SwitchUser(string user)
    {
        _person = _authority.FindUser(user);
        _choosesOther = true;
        _cookies.Forget(new Uri(_authority.Issuer).Host);
        return this;
    }

    /// <summary>Types this instead of the right password.</summary>
    /// <param name="password">What is typed.</param>
    public AuthorityBrowser WrongPassword(string password = "not the password")
    {
        _person = _person! with { Password = password };
        return this;
    }

    /// <summary>Once arrived, goes back to the authority's last page and sends it again; to the app's callback if the authority showed no page.</summary>
    public AuthorityBrowser BackButton()
    {
        _goesBack = true;
        return this;
    }

    /// <summary>Presses every button twice and opens every callback twice; the second answer counts.</summary>
    public AuthorityBrowser DoubleSubmit()
    {
        _submitsTwice = true;
        return this;
    }

    /// <summary>Changes <c>state</c> on the way back to the app.</summary>
    public AuthorityBrowser TamperState() => TamperCallback(parameters => parameters["state"] = "tampered-" + parameters["state"][..Math.Min(4, parameters["state"].Length)]);

    /// <summary>Takes a parameter away on the way back to the app.</summary>
    /// <param name="parameter">Such as <c>state</c> or <c>iss</c>.</param>
    public AuthorityBrowser DropFromCallback(string parameter) => TamperCallback(parameters => parameters.Remove(parameter));

    /// <summary>Changes the authorization response on the way back to the app.</summary>
    /// <param name="change">Changes its parameters.</param>
    public AuthorityBrowser TamperCallback(Action<IDictionary<string, string>> change)
    {
        _tamper = change;
        return this;
    }

    /// <summary>Closes the tab before the app's callback is opened: <see cref="FollowAsync(HttpClient, string)"/> ends at its address.</summary>
    public AuthorityBrowser CloseTab()
    {
        _closesTab = true;
        return this;
    }

    /// <summary>Behaves well again.</summary>
    public AuthorityBrowser Behave()
    {
        (_denies, _closesTab, _submitsTwice, _goesBack, _choosesOther, _tamper) = (false, false, false, false, false, null);
        return this;
    }

    /// <summary>Opens the last callback again, as the reload button does.</summary>
    /// <exception cref="InvalidOperationException">There was none.</exception>
    public async Task<BrowserStop> ReloadCallbackAsync()
    {
        _trail.Clear();
        var again = await CopyAsync(_lastCallback ?? throw new InvalidOperationException("No callback was opened yet.")).ConfigureAwait(false);
        return await GoAsync(again, form: null).ConfigureAwait(false);
    }

    /// <summary>Forgets a host's cookies, as people do who clear them, or browsers that keep none.</summary>
    /// <param name="host">The host, such as <c>localhost</c>.</param>
    public AuthorityBrowser ForgetCookies(string host)
    {
        _cookies.Forget(host);
        return this;
    }

    /// <summary>Forgets one cookie.</summary>
    /// <param name="host">The host, such as <c>localhost</c>.</param>
    /// <param name="name">The cookie's name.</param>
    public AuthorityBrowser ForgetCookie(string host, string name)
    {
        _cookies.Forget(host, name);
        return this;
    }

    /// <summary>Plants a cookie, as somebody on the network or on a neighbouring host may.</summary>
    /// <param name="origin">The origin that it seems to come from.</param>
    /// <param name="line">The line of its <c>Set-Cookie</c> header.</param>
    public AuthorityBrowser PlantCookie(string origin, string line)
    {
        _cookies.Set(new Uri(origin), line);
        return this;
    }

    private async Task<BrowserStop> GoBackAsync(BrowserStop arrived)
    {
        _goesBack = false;
        if (_lastForm is { } last) return await GoAsync(Post(last.Url, last.Fields), form: null).ConfigureAwait(false);
        return _lastCallback is null ? arrived : await ReloadCallbackAsync().ConfigureAwait(false);
    }

    private static (Uri Url, IReadOnlyDictionary<string, string>? Form) Tampered(HttpRequestMessage request, IReadOnlyDictionary<string, string>? form, Action<IDictionary<string, string>> tamper)
    {
        if (form is null)
        {
            request.RequestUri = new Uri(AuthorizationAnswers.ChangeUrl(request.RequestUri!.OriginalString, tamper));
            return (request.RequestUri, null);
        }

        var fields = form.ToDictionary(StringComparer.Ordinal);
        tamper(fields);
        request.Content = new FormUrlEncodedContent(fields);
        return (request.RequestUri!, fields);
    }
}
