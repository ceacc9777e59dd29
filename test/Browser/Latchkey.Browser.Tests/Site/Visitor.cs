using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Latchkey.Browser.Tests.Site;

/// <summary>Somebody at a browser window. Whatever the browser's console has to complain of, and whatever it asks of other sites, is kept.</summary>
public sealed class Visitor
{
    private readonly DemoSite _site;
    private readonly List<string> _complaints = [];

    internal Visitor(DemoSite site, IPage page, string[] origins)
    {
        (_site, Page) = (site, page);
        // An answer of 400 to the page itself is no fault of the page; one to what the page loads is.
        page.Console += (_, message) =>
        {
            if (message.Type == "error" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal)) Complain(message.Text);
        };
        page.PageError += (_, error) => Complain(error);
        page.Request += (_, request) =>
        {
            if (!origins.Any(origin => request.Url.StartsWith(origin, StringComparison.Ordinal)) && !request.Url.StartsWith("data:", StringComparison.Ordinal))
                Complain("asks another site: " + request.Url);
        };
        page.Response += (_, response) =>
        {
            if (response.Status >= 400 && response.Request.ResourceType != "document") Complain($"{response.Status} {response.Url}");
        };
    }

    public IPage Page { get; }

    /// <summary>What the browser had to complain of so far.</summary>
    public IReadOnlyList<string> Complaints
    {
        get
        {
            lock (_complaints) return [.. _complaints];
        }
    }

    /// <summary>Forgets the complaints that a test is about.</summary>
    public void Forgive()
    {
        lock (_complaints) _complaints.Clear();
    }

    /// <summary>Opens a page of the server.</summary>
    public Task OpenAsync(string path) => Page.GotoAsync(_site.Issuer + path);

    /// <summary>Fills in the sign-in page.</summary>
    public async Task SignInAsync(Person person)
    {
        await Page.GetByLabel("Username").FillAsync(person.Username);
        await Page.GetByLabel("Password").FillAsync(person.Password);
        await PressAsync("Sign in");
    }

    /// <summary>Signs in at the account page.</summary>
    public async Task SignInToAccountAsync(Person person)
    {
        await OpenAsync("/account");
        await SignInAsync(person);
        await ExpectTitleAsync("Your account");
    }

    /// <summary>Signs in to the demo's web app and lets it use the account.</summary>
    public async Task SignInToWebAsync(Person person)
    {
        await Page.GotoAsync(_site.Web + "/login");
        await SignInAsync(person);
        await PressAsync("Allow");
        await Expect(Page).ToHaveURLAsync(_site.Web + "/dashboard");
    }

    public Task PressAsync(string button) => Page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

    public Task FollowAsync(string link) => Page.GetByRole(AriaRole.Link, new() { Name = link }).ClickAsync();

    /// <summary>Waits until the page has this title; the product's name follows it.</summary>
    public Task ExpectTitleAsync(string title) => Expect(Page).ToHaveTitleAsync(title + " · Latchkey");

    public Task ExpectHeadingAsync(string text) => Expect(Page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync(text);

    private void Complain(string complaint)
    {
        lock (_complaints) _complaints.Add($"{complaint} (at {Page.Url})");
    }
}
