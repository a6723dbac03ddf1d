package secret

import (
	"strings"
	"unicode"
)

// labels are what the field calls the tokens whose patterns have names of another sort.
var labels = map[string]string{
	"airtable-personnal-access-token":             "an Airtable personal access token",
	"aws-access-token":                            "an AWS access key ID",
	"aws-amazon-bedrock-api-key-long-lived":       "a long-lived Amazon Bedrock API key",
	"aws-amazon-bedrock-api-key-short-lived":      "a short-lived Amazon Bedrock API key",
	"digitalocean-pat":                            "a DigitalOcean personal access token",
	"dropbox-long-lived-api-token":                "a long-lived Dropbox API token",
	"dropbox-short-lived-api-token":               "a short-lived Dropbox API token",
	"github-app-token":                            "a GitHub App token",
	"github-fine-grained-pat":                     "a fine-grained GitHub personal access token",
	"github-oauth":                                "a GitHub OAuth access token",
	"github-pat":                                  "a GitHub personal access token",
	"gitlab-cicd-job-token":                       "a GitLab CI/CD job token",
	"gitlab-pat":                                  "a GitLab personal access token",
	"gitlab-pat-routable":                         "a GitLab personal access token",
	"gitlab-ptt":                                  "a GitLab pipeline trigger token",
	"gitlab-rrt":                                  "a GitLab runner registration token",
	"gitlab-runner-authentication-token-routable": "a GitLab runner authentication token",
	"hashicorp-tf-api-token":                      "an HCP Terraform API token",
	"heroku-api-key-v2":                           "a Heroku API key",
	"jwt":                                         "a JSON Web Token",
	"jwt-base64":                                  "a JSON Web Token",
	"microsoft-teams-webhook":                     "a Microsoft Teams webhook URL",
	"octopus-deploy-api-key":                      "an Octopus Deploy API key",
	"sidekiq-sensitive-url":                       "a Sidekiq URL with credentials",
	"vault-batch-token":                           "a HashiCorp Vault batch token",
	"vault-service-token":                         "a HashiCorp Vault service token",
}

// spelled are the words of patterns' names that are not written in lower case,
// nor, as the first word, with a capital alone.
var spelled = map[string]string{
	"1password": "1Password", "ad": "AD", "age": "age", "api": "API", "aws": "AWS", "ca": "CA", "cloud": "Cloud", "clickhouse": "ClickHouse", "digitalocean": "DigitalOcean",
	"droneci": "Drone CI", "easypost": "EasyPost", "flyio": "Fly.io", "frameio": "Frame.io", "freshbooks": "FreshBooks", "gcp": "Google Cloud", "github": "GitHub",
	"gitlab": "GitLab", "gocardless": "GoCardless", "hubspot": "HubSpot", "huggingface": "Hugging Face", "id": "ID", "intra42": "42 Intra", "jfrog": "JFrog",
	"kubernetes": "Kubernetes", "kucoin": "KuCoin", "launchdarkly": "LaunchDarkly", "linkedin": "LinkedIn", "maxmind": "MaxMind", "meraki": "Meraki", "messagebird": "MessageBird",
	"npm": "npm", "nytimes": "New York Times", "oauth": "OAuth", "openai": "OpenAI", "openshift": "OpenShift", "planetscale": "PlanetScale", "privateai": "Private AI",
	"pypi": "PyPI", "rapidapi": "RapidAPI", "readme": "ReadMe", "rubygems": "RubyGems", "scim": "SCIM", "sendgrid": "SendGrid", "settlemint": "SettleMint",
	"sonar": "SonarQube", "sumologic": "Sumo Logic", "travisci": "Travis CI", "url": "URL", "relic": "Relic",
}

// label says what a token is: github-pat is a GitHub personal access token.
func (t token) label() string {
	if text, ok := labels[t.id]; ok {
		return text
	}
	words := strings.Split(t.id, "-")
	for i, w := range words {
		switch text, ok := spelled[w]; {
		case ok:
			words[i] = text
		case i == 0:
			words[i] = string(unicode.ToUpper(rune(w[0]))) + w[1:]
		}
	}
	text := strings.Join(words, " ")
	if strings.ContainsRune("aeiouAEIO", rune(text[0])) || strings.HasPrefix(text, "npm ") {
		return "an " + text
	}
	return "a " + text
}
